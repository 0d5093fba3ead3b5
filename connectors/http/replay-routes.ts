import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { codeOf } from '../../pipeline/errors.ts';
import { isEnded } from '../../pipeline/export/request.ts';
import type { ReplayDatabases } from '../../pipeline/requests/replay-databases.ts';
import type { ReplayJobs } from '../../pipeline/requests/replay-jobs.ts';
import { type PageQuery, sendPage } from './export-pages.ts';
import { givenOf } from './queries.ts';
import { replayReportOf } from './replay-report.ts';
import { removeQuery, replayQuery, replayReport } from './replay-schemas.ts';
import { httpFaults, idempotencyHeaders, requestIdOf } from './request-ids.ts';
import { listQuery, nextPageHeaders, noQuery, refusalResponses, requestIdParams } from './schemas.ts';

declare module 'fastify' {
  interface FastifyRequest {
    /** The replay that the request is about, for the log; null for none. */
    replayId: string | null;
  }
}

export interface Replays {
  readonly jobs: Pick<ReplayJobs, 'submit' | 'list' | 'find' | 'cancel'>;
  readonly databases: Pick<ReplayDatabases, 'drop'>;
}

const tags = ['replays'];

/** Routes that ask for replays, list and show them, and end or drop them. */
export function addReplayRoutes(server: FastifyInstance, replays: Replays): void {
  addAskRoute(server, replays);
  addReadRoutes(server, replays);
  addRemoveRoute(server, replays);
}

function addAskRoute(server: FastifyInstance, { jobs }: Replays): void {
  const ask = async (request: FastifyRequest, reply: FastifyReply) => {
    const faults = httpFaults(request);
    const requestId = requestIdOf(request, faults);
    const { door, client } = request.client!;
    const view = await jobs.submit({ requestId, given: givenOf(request.query), asker: { door, client }, faults });
    request.replayId = requestId;
    reply
      .header('x-request-id', Buffer.from(requestId).toString('latin1'))
      .header('location', `/replays/${encodeURIComponent(requestId)}`)
      .code(isEnded(view.record.state) ? 200 : 202);
    return replayReportOf(view);
  };
  server.post('/replays', {
    config: { audience: 'operator' },
    attachValidation: true,
    schema: {
      summary: 'Read the log again into a database of its own, from which exports can be made',
      tags,
      headers: idempotencyHeaders,
      querystring: replayQuery,
      response: {
        200: { ...replayReport, description: 'the replay, which has ended' },
        202: { ...replayReport, description: 'the replay, which is accepted; Location is its address' },
        ...refusalResponses(409, 413),
      },
    },
    handler: ask,
  });
}

function addReadRoutes(server: FastifyInstance, { jobs }: Replays): void {
  server.get<{ Querystring: PageQuery }>('/replays', {
    config: { audience: 'reader' },
    schema: {
      summary: 'List replays from all doors, newest first; a page at a time',
      tags,
      querystring: listQuery,
      response: {
        200: { type: 'array', items: replayReport, description: 'the replays', headers: nextPageHeaders },
        ...refusalResponses(),
      },
    },
    handler: async ({ query }, reply) => {
      const page = await sendPage('/replays', query, reply, (limit, filter) => jobs.list(limit, filter));
      return page.map(replayReportOf);
    },
  });
  server.get<{ Params: { id: string } }>('/replays/:id', {
    config: { audience: 'reader' },
    schema: {
      summary: 'Show one replay: state, progress and database',
      tags,
      params: requestIdParams,
      querystring: noQuery,
      response: { 200: { ...replayReport, description: 'the replay' }, ...refusalResponses(404) },
    },
    handler: async request => {
      request.replayId = request.params.id;
      return replayReportOf(await jobs.find(request.params.id));
    },
  });
}

function addRemoveRoute(server: FastifyInstance, replays: Replays): void {
  server.delete<{ Params: { id: string }; Querystring: { only_cancel?: boolean } }>('/replays/:id', {
    config: { audience: 'operator' },
    schema: {
      summary: 'Cancel a replay, or drop the database of one that has ended; it stays listed',
      tags,
      params: requestIdParams,
      querystring: removeQuery,
      response: { 200: { ...replayReport, description: 'the replay' }, ...refusalResponses(404, 409) },
    },
    handler: async request => {
      const { id } = request.params;
      request.replayId = id;
      await remove(id, request.query.only_cancel ?? false, request.client!.client, replays);
      return replayReportOf(await replays.jobs.find(id));
    },
  });
}

async function remove(id: string, onlyCancel: boolean, by: string, { jobs, databases }: Replays): Promise<void> {
  try {
    await jobs.cancel(id, by);
  } catch (error) {
    if (onlyCancel || codeOf(error) !== 'REQUEST_ENDED') throw error;
    await databases.drop(id);
  }
}
