import type { FastifyInstance, FastifyReply, FastifyRequest, FastifySchemaValidationError } from 'fastify';
import { TidemarkError } from '../../pipeline/errors.ts';
import { readParameters } from '../../pipeline/export/parameters.ts';
import type { Selection } from '../../pipeline/export/selection.ts';
import type { Clock, Log } from '../../pipeline/ports.ts';
import type { Patience } from './patience.ts';
import { faultsOf, givenOf, requestInvalid } from './queries.ts';
import { refusals, serviceIdParams, serviceQuery, streamQuery } from './schemas.ts';
import { type Reading, Sendings } from './sending.ts';

/** Which of a service's arrays are asked for. */
interface AskedArrays {
  readonly active_states: boolean;
  readonly completed_states: boolean;
  readonly active_tasks: boolean;
  readonly completed_tasks: boolean;
}

export interface Services {
  /** One service as JSON; null where there is none. */
  find(serviceId: string, asked: AskedArrays): Promise<string | null>;
  /** The ids of a selection, or its services, as one JSON array from one snapshot. Waits for a turn. */
  open(selection: Selection, withContent: boolean): Promise<Reading>;
}

interface ServicesDoor {
  readonly services: Services;
  readonly clock: Clock;
  readonly log: Log;
  readonly patience: Patience;
}

const tags = ['services'];

/** Routes that answer with services themselves, as they are now: nothing is waited for. */
export function addServicesDoor(server: FastifyInstance, door: ServicesDoor): void {
  const sendings = new Sendings(door);
  server.addHook('onClose', () => sendings.stop());
  server.route({
    method: 'GET',
    url: '/genesys/1/cs/maintenance/services/stream',
    exposeHeadRoute: false,
    config: { audience: 'reader' },
    attachValidation: true,
    schema: {
      summary: 'The services of a window as a stream: their ids, or all of them',
      tags,
      querystring: streamQuery,
      response: {
        200: {
          description: 'a JSON array, in file order',
          content: { 'application/json': { schema: { type: 'array', items: { type: ['string', 'object'] } } } },
        },
        ...refusals(),
      },
    },
    handler: (request, reply) => stream(request, reply, door, sendings),
  });
  server.get<{ Params: { id: string }; Querystring: Partial<AskedArrays> }>('/genesys/1/cs/services/:id', {
    config: { audience: 'reader' },
    schema: {
      summary: 'One service, with those of its arrays that are asked for',
      tags,
      params: serviceIdParams,
      querystring: serviceQuery,
      response: {
        200: {
          description: 'the service',
          content: { 'application/json': { schema: { type: 'object', additionalProperties: true } } },
        },
        ...refusals(404),
      },
    },
    handler: async ({ params, query }, reply) => {
      const none = { active_states: false, completed_states: false, active_tasks: false, completed_tasks: false };
      const service = await door.services.find(params.id, { ...none, ...query });
      if (service === null)
        throw new TidemarkError('SERVICE_UNKNOWN', `there is no service ${JSON.stringify(params.id)}`);
      return reply.type('application/json; charset=utf-8').send(service);
    },
  });
}

async function stream(
  request: FastifyRequest,
  reply: FastifyReply,
  { services, clock }: ServicesDoor,
  sendings: Sendings,
) {
  const { export_content: content = 'false', ...given } = givenOf(request.query);
  const selection = selectionOf(given, request, clock.now());
  const reading = await services.open(selection, content === 'true');
  // Whoever waited for a turn may have gone meanwhile, and then nothing would ever close the reading.
  if (!request.raw.socket.destroyed) return sendings.send(reply, reading);
  await reading.close();
  return reply.hijack();
}

/** Checked as the window of an export is, so that the two always select the same. */
function selectionOf(
  given: Readonly<Record<string, string>>,
  { validationError }: FastifyRequest,
  now: number,
): Selection {
  const atDoor = faultsOf((validationError?.validation ?? []) as readonly FastifySchemaValidationError[]);
  const known = Object.entries(given).filter(([name]) => Object.hasOwn(streamQuery.properties, name));
  const read = readParameters({ ...Object.fromEntries(known), file_prefix: '-' }, now);
  const named = new Set(atDoor.map(({ parameter }) => parameter));
  const meant = 'faults' in read ? read.faults.filter(({ parameter }) => !named.has(parameter)) : [];
  if ('faults' in read || atDoor.length > 0) throw requestInvalid([...atDoor, ...meant]);
  const { timeFrom, timeTo, filterEvents, filterState } = read.parameters;
  return { timeFrom, timeTo: timeTo ?? now, filterEvents, filterState };
}
