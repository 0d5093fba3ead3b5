import type { FastifyInstance } from 'fastify';
import type { Jobs } from '../../pipeline/requests/jobs.ts';
import { type PageQuery, sendPage } from './export-pages.ts';
import { addCompleteness, type Roots, reportOf } from './export-report.ts';
import {
  completenessHeaders,
  listQuery,
  nextPageHeaders,
  noQuery,
  refusalResponses,
  report,
  requestIdParams,
} from './schemas.ts';

interface JobRoutesParts {
  readonly jobs: Pick<Jobs, 'list' | 'find' | 'cancel'>;
  readonly roots: Roots;
}

const tags = ['exports'];

/** Routes that list, show and cancel exports, from all doors. */
export function addJobRoutes(server: FastifyInstance, parts: JobRoutesParts): void {
  addListRoute(server, parts);
  addShowRoute(server, parts);
  addCancelRoute(server, parts);
}

function addListRoute(server: FastifyInstance, { jobs, roots }: JobRoutesParts): void {
  server.get<{ Querystring: PageQuery }>('/exports', {
    config: { audience: 'reader' },
    schema: {
      summary: 'List exports from all doors, newest first, without their manifests; a page at a time',
      tags,
      querystring: listQuery,
      response: {
        200: { type: 'array', items: report, description: 'the exports', headers: nextPageHeaders },
        ...refusalResponses(),
      },
    },
    handler: async ({ query }, reply) => {
      const page = await sendPage('/exports', query, reply, (limit, filter) => jobs.list(limit, filter));
      return page.map(view => ({ ...reportOf(view, roots), manifest: null }));
    },
  });
}

function addShowRoute(server: FastifyInstance, { jobs, roots }: JobRoutesParts): void {
  server.get<{ Params: { id: string } }>('/exports/:id', {
    config: { audience: 'reader' },
    schema: {
      summary: 'Show one export: state, progress, files and manifest',
      tags,
      params: requestIdParams,
      querystring: noQuery,
      response: {
        200: { ...report, description: 'the export', headers: completenessHeaders },
        ...refusalResponses(404),
      },
    },
    handler: async (request, reply) => {
      request.exportId = request.params.id;
      const view = await jobs.find(request.params.id);
      addCompleteness(reply, view.record);
      return reportOf(view, roots);
    },
  });
}

function addCancelRoute(server: FastifyInstance, { jobs, roots }: JobRoutesParts): void {
  server.delete<{ Params: { id: string } }>('/exports/:id', {
    config: { audience: 'exporter' },
    schema: {
      summary: 'Cancel an export; it leaves no files',
      tags,
      params: requestIdParams,
      querystring: noQuery,
      response: { 200: { ...report, description: 'the cancelled export' }, ...refusalResponses(404, 409) },
    },
    handler: async request => {
      request.exportId = request.params.id;
      await jobs.cancel(request.params.id, request.client!.client);
      return reportOf(await jobs.find(request.params.id), roots);
    },
  });
}
