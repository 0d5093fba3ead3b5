import type { FastifyInstance, FastifyReply, FastifyRequest, FastifySchemaValidationError } from 'fastify';
import { TidemarkError } from '../../pipeline/errors.ts';
import { readParameters } from '../../pipeline/export/parameters.ts';
import type { Selection } from '../../pipeline/export/selection.ts';
import type { Clock, Log } from '../../pipeline/ports.ts';
import { faultsOf, givenOf, requestInvalid } from './queries.ts';
import { ResponseStreams, type StreamOptions } from './response-streams.ts';
import { refusalResponses, serviceIdParams, serviceQuery, streamQuery } from './schemas.ts';
import type { StreamedQuery } from './spooled-answer.ts';

/** Which arrays of a service are in the answer. */
interface ShownArrays {
  readonly active_states: boolean;
  readonly completed_states: boolean;
  readonly active_tasks: boolean;
  readonly completed_tasks: boolean;
}

export interface Services {
  /** One service as JSON; null when there is none with the id. */
  find(serviceId: string, shown: ShownArrays): Promise<string | null>;
  /** The ids of a selection, or its whole services, as one JSON array from one snapshot. Waits for a free snapshot. */
  open(selection: Selection, withContent: boolean): Promise<StreamedQuery>;
}

interface ServiceRoutesParts {
  readonly services: Services;
  readonly clock: Clock;
  readonly log: Log;
  readonly slowClients: StreamOptions['slowClients'];
  readonly streams: Pick<StreamOptions, 'spool' | 'atOnce'>;
}

const tags = ['services'];

/** Routes that answer with services, as they are stored at that moment; they do not wait for the log. */
export function addServiceRoutes(server: FastifyInstance, parts: ServiceRoutesParts): void {
  const { log, slowClients } = parts;
  const streams = new ResponseStreams({ ...parts.streams, log, slowClients });
  server.addHook('onClose', () => streams.stop());
  addStreamRoute(server, parts, streams);
  addServiceRoute(server, parts.services);
}

function addStreamRoute(server: FastifyInstance, parts: ServiceRoutesParts, streams: ResponseStreams): void {
  server.route({
    method: 'GET',
    url: '/genesys/1/cs/maintenance/services/stream',
    exposeHeadRoute: false,
    config: { audience: 'reader' },
    attachValidation: true,
    schema: {
      summary: 'Stream the services of a window: their ids, or whole services',
      tags,
      querystring: streamQuery,
      response: {
        200: {
          description: 'a JSON array of ids (text) or of services (objects), in the order of export files',
          content: { 'application/json': { schema: { type: 'array', items: { type: ['string', 'object'] } } } },
        },
        ...refusalResponses(507),
      },
    },
    handler: (request, reply) => stream(request, reply, parts, streams),
  });
}

function addServiceRoute(server: FastifyInstance, services: Services): void {
  server.get<{ Params: { id: string }; Querystring: Partial<ShownArrays> }>('/genesys/1/cs/services/:id', {
    config: { audience: 'reader' },
    schema: {
      summary: 'Read one service, with the arrays whose parameter is true',
      tags,
      params: serviceIdParams,
      querystring: serviceQuery,
      response: {
        200: {
          description: 'the service',
          content: { 'application/json': { schema: { type: 'object', additionalProperties: true } } },
        },
        ...refusalResponses(404),
      },
    },
    handler: async ({ params, query }, reply) => {
      const none = { active_states: false, completed_states: false, active_tasks: false, completed_tasks: false };
      const service = await services.find(params.id, { ...none, ...query });
      if (service === null)
        throw new TidemarkError('SERVICE_UNKNOWN', `there is no service ${JSON.stringify(params.id)}`);
      return reply.type('application/json; charset=utf-8').send(service);
    },
  });
}

async function stream(
  request: FastifyRequest,
  reply: FastifyReply,
  { services, clock }: ServiceRoutesParts,
  streams: ResponseStreams,
) {
  const { export_content: content = 'false', ...given } = givenOf(request.query);
  const selection = selectionOf(given, request, clock.now());
  return streams.answer(request, reply, () => services.open(selection, content === 'true'));
}

/**
 * Reads the parameters with the same checks as for an export, so that stream and export select the same services. Exports
 * need a prefix and streams have none, so a placeholder is checked in its place.
 */
function selectionOf(
  given: Readonly<Record<string, string>>,
  { validationError }: FastifyRequest,
  now: number,
): Selection {
  const schemaFaults = faultsOf((validationError?.validation ?? []) as readonly FastifySchemaValidationError[]);
  const known = Object.entries(given).filter(([name]) => Object.hasOwn(streamQuery.properties, name));
  const read = readParameters({ ...Object.fromEntries(known), file_prefix: '-' }, now);
  const named = new Set(schemaFaults.map(({ parameter }) => parameter));
  const otherFaults = 'faults' in read ? read.faults.filter(({ parameter }) => !named.has(parameter)) : [];
  if ('faults' in read || schemaFaults.length > 0) throw requestInvalid([...schemaFaults, ...otherFaults]);
  const { timeFrom, timeTo, filterEvents, filterState } = read.parameters;
  return { timeFrom, timeTo: timeTo ?? now, filterEvents, filterState };
}
