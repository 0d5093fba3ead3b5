import type { FastifyInstance } from 'fastify';
import type { Jobs } from '../../pipeline/requests/jobs.ts';
import { type Roots, reportOf } from './export-report.ts';
import { listQuery, noQuery, refusals, report, requestIdParams } from './schemas.ts';

interface JobsDoor {
  readonly jobs: Pick<Jobs, 'list' | 'find' | 'cancel'>;
  readonly roots: Roots;
}

const tags = ['exports'];

/** Routes to look at the exports of all doors, and to cancel one. */
export function addJobsDoor(server: FastifyInstance, { jobs, roots }: JobsDoor): void {
  server.get<{ Querystring: { limit?: number } }>('/exports', {
    config: { audience: 'reader' },
    schema: {
      summary: 'The newest exports, newest first, without their manifests',
      tags,
      querystring: listQuery,
      response: { 200: { type: 'array', items: report, description: 'the exports' }, ...refusals() },
    },
    handler: async ({ query }) => {
      const views = await jobs.list(query.limit ?? 100);
      return views.map(view => ({ ...reportOf(view, roots), manifest: null }));
    },
  });
  server.get<{ Params: { id: string } }>('/exports/:id', {
    config: { audience: 'reader' },
    schema: {
      summary: 'One export: state, progress, files, manifest',
      tags,
      params: requestIdParams,
      querystring: noQuery,
      response: { 200: { ...report, description: 'the export' }, ...refusals(404) },
    },
    handler: async request => {
      request.exportId = request.params.id;
      return reportOf(await jobs.find(request.params.id), roots);
    },
  });
  server.delete<{ Params: { id: string } }>('/exports/:id', {
    config: { audience: 'exporter' },
    schema: {
      summary: 'Cancel an export; no file of it is there afterwards',
      tags,
      params: requestIdParams,
      querystring: noQuery,
      response: { 200: { ...report, description: 'the cancelled export' }, ...refusals(404, 409) },
    },
    handler: async request => {
      request.exportId = request.params.id;
      await jobs.cancel(request.params.id, request.client!.client);
      return reportOf(await jobs.find(request.params.id), roots);
    },
  });
}
