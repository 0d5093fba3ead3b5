import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { TidemarkError } from '../../pipeline/errors.ts';
import { answeredPaths } from '../../pipeline/export/file-names.ts';
import { type ExportPlan, isEnded } from '../../pipeline/export/request.ts';
import type { Jobs } from '../../pipeline/requests/jobs.ts';
import { addCompleteness } from './export-report.ts';
import { givenOf } from './queries.ts';
import { httpFaults, idempotencyHeaders, requestIdOf } from './request-ids.ts';
import { completenessHeaders, exportQuery, paths, refusalResponses } from './schemas.ts';

declare module 'fastify' {
  interface FastifyRequest {
    /** The export that the request is about, for the log; null for none. */
    exportId: string | null;
  }
}

const address = '/genesys/1/cs/maintenance/services';

/**
 * The route that exports services to files. Address and parameters are those of the source system's operation, whose
 * documentation spells the address both ways.
 */
export function addExportRoutes(server: FastifyInstance, jobs: Pick<Jobs, 'submit' | 'ended'>): void {
  for (const name of ['files', 'file']) {
    server.post(`${address}/${name}`, {
      config: { audience: 'exporter' },
      // Schema faults are not thrown at once: they are reported together with the faults that `Jobs.submit` finds.
      attachValidation: true,
      schema: {
        summary: 'Export services to files',
        tags: ['exports'],
        headers: {
          type: 'object',
          properties: {
            ...idempotencyHeaders.properties,
            prefer: { type: 'string', description: 'respond-async: the answer comes at once, before the files exist' },
          },
        },
        querystring: exportQuery,
        response: {
          200: { ...paths, description: 'the paths of the files, which exist', headers: completenessHeaders },
          202: { ...paths, description: 'the paths that the files will have; Location is the address of the export' },
          ...refusalResponses(404, 409, 410, 413, 507),
        },
      },
      handler: (request, reply) => submit(request, reply, jobs),
    });
  }
}

async function submit(request: FastifyRequest, reply: FastifyReply, jobs: Pick<Jobs, 'submit' | 'ended'>) {
  const faults = httpFaults(request);
  const requestId = requestIdOf(request, faults);
  const { door, client } = request.client!;
  const given = givenOf(request.query);
  const hasGeneratedId = requestId === request.id;
  const { record } = await jobs.submit({ requestId, hasGeneratedId, given, asker: { door, client }, faults });
  request.exportId = requestId;
  reply
    .header('x-request-id', Buffer.from(requestId).toString('latin1'))
    .header('location', `/exports/${encodeURIComponent(requestId)}`);
  // The result of an ended request is known, so it is returned also to clients that do not want to wait.
  if (prefersAsync(request) && !isEnded(record.state))
    return reply.code(202).header('preference-applied', 'respond-async').send(pathsOf(record.plan));
  const ended = await jobs.ended(requestId);
  if (ended.error !== null) throw new TidemarkError(ended.error.code, ended.error.message);
  addCompleteness(reply, ended);
  return pathsOf(record.plan);
}

/** The paths with services first, as the source system answers. Names are published in the opposite order. */
function pathsOf(plan: ExportPlan): readonly string[] {
  return answeredPaths(plan).toReversed();
}

function prefersAsync({ headers }: FastifyRequest): boolean {
  const preferences = [headers.prefer ?? []].flat().join(',').split(',');
  return preferences.some(preference => preference.split(';')[0]?.trim().toLowerCase() === 'respond-async');
}
