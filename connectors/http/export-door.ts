import type { FastifyInstance, FastifyReply, FastifyRequest, FastifySchemaValidationError } from 'fastify';
import { TidemarkError } from '../../pipeline/errors.ts';
import { answeredPaths } from '../../pipeline/export/file-names.ts';
import type { Fault } from '../../pipeline/export/parameters.ts';
import { type ExportPlan, isEnded } from '../../pipeline/export/request.ts';
import type { Jobs } from '../../pipeline/requests/jobs.ts';
import { faultsOf, givenOf, isRepeated } from './queries.ts';
import { exportQuery, paths, refusals } from './schemas.ts';

declare module 'fastify' {
  interface FastifyRequest {
    /** The export that the request speaks of, for the log. */
    exportId: string | null;
  }
}

const address = '/genesys/1/cs/maintenance/services';

/** The door of the source system: its clients find their operation at the same address, under both its spellings. */
export function addExportDoor(server: FastifyInstance, jobs: Pick<Jobs, 'submit' | 'ended'>): void {
  for (const name of ['files', 'file']) {
    server.post(`${address}/${name}`, {
      config: { audience: 'exporter' },
      // All faults of a request are named at once: those found here together with those of the parameters' meaning.
      attachValidation: true,
      schema: {
        summary: 'Export services to files',
        tags: ['exports'],
        headers: {
          type: 'object',
          properties: {
            'idempotency-key': { type: 'string', description: 'the request id; the same again gives the same outcome' },
            prefer: { type: 'string', description: 'respond-async: answer at once, with the names to come' },
          },
        },
        querystring: exportQuery,
        response: {
          200: { ...paths, description: 'the files are there' },
          202: { ...paths, description: 'the names of the files to come; Location leads to the export' },
          ...refusals(409, 413, 507),
        },
      },
      handler: (request, reply) => answer(request, reply, jobs),
    });
  }
}

async function answer(request: FastifyRequest, reply: FastifyReply, jobs: Pick<Jobs, 'submit' | 'ended'>) {
  const faults = faultsAtDoor(request);
  const requestId = idOf(request, faults);
  const { door, client } = request.client!;
  const given = givenOf(request.query);
  const hasOwnId = requestId === request.id;
  const { record } = await jobs.submit({ requestId, hasOwnId, given, asker: { door, client }, faults });
  request.exportId = requestId;
  reply.header('x-request-id', requestId).header('location', `/exports/${encodeURIComponent(requestId)}`);
  // Of a request that has ended already there is nothing to wait for.
  if (prefersAsync(request) && !isEnded(record.state))
    return reply.code(202).header('preference-applied', 'respond-async').send(filesOf(record.plan));
  const { error } = await jobs.ended(requestId);
  if (error !== null) throw new TidemarkError(error.code, error.message);
  return filesOf(record.plan);
}

/** Services first, as the source system answers; they appear last. */
function filesOf(plan: ExportPlan): readonly string[] {
  return answeredPaths(plan).toReversed();
}

function faultsAtDoor({ validationError, body }: FastifyRequest): Fault[] {
  const found = (validationError?.validation ?? []) as readonly FastifySchemaValidationError[];
  // All else that a schema finds, the parameters' own check finds too.
  const faults = [...faultsOf(found.filter(isRepeated))];
  if (body !== undefined)
    faults.push({ parameter: 'body', message: 'the body is not empty; parameters go into the query' });
  return faults;
}

/** The client's own id, or the one that this request has in our log. */
function idOf({ raw, id }: FastifyRequest, faults: Fault[]): string {
  const [key, ...more] = raw.headersDistinct['idempotency-key'] ?? [id];
  if (key !== undefined && more.length === 0 && /^[\x20-\x7e]{1,255}$/.test(key)) return key;
  const message = 'Idempotency-Key is not usable; allowed is one of 1 to 255 printable ASCII characters';
  faults.push({ parameter: 'Idempotency-Key', message });
  return id;
}

function prefersAsync({ headers }: FastifyRequest): boolean {
  const preferences = [headers.prefer ?? []].flat().join(',').split(',');
  return preferences.some(preference => preference.split(';')[0]?.trim().toLowerCase() === 'respond-async');
}
