import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';

/** An answered request as it is logged and counted. Query and headers are left out, as they may hold secrets. */
export interface AnsweredRequest {
  readonly method: string;
  /** The pattern of the route; null for an unknown address. */
  readonly route: string | null;
  readonly status: number;
  readonly milliseconds: number;
  readonly client: string | null;
  readonly requestId: string;
  /** The export that the request is about, or null. */
  readonly exportId: string | null;
  /** The replay that the request is about, or null. */
  readonly replayId: string | null;
  /** True when the connection closed before the whole answer was sent. */
  readonly cut: boolean;
}

/** Calls `onAnswered` once per request, when its answer is sent or its connection is closed. */
export function addAudit(server: FastifyInstance, onAnswered: (answered: AnsweredRequest) => void): void {
  server.decorateRequest('exportId', null);
  server.decorateRequest('replayId', null);
  server.addHook('onRequest', async (request, reply) => {
    reply.header('x-request-id', request.id);
    // Fastify calls no hook when a client closes the connection early, so the event of the connection is used.
    const began = performance.now();
    reply.raw.once('close', () => onAnswered(answeredRequest(request, reply, performance.now() - began)));
  });
}

export function answeredRequest(request: FastifyRequest, reply: FastifyReply, milliseconds: number): AnsweredRequest {
  return {
    method: request.method,
    route: request.routeOptions.url ?? null,
    status: reply.statusCode,
    milliseconds: Math.round(milliseconds),
    client: request.client?.client ?? null,
    requestId: request.id,
    // Fastify refuses some addresses before it decorates the request.
    exportId: request.exportId ?? null,
    replayId: request.replayId ?? null,
    cut: !reply.raw.writableFinished,
  };
}
