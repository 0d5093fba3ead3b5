import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';

/** One answered request. Neither its query nor its headers are told of: either may hold what nobody should read. */
export interface Answered {
  readonly method: string;
  /** The route's pattern; null where there was none. */
  readonly route: string | null;
  readonly status: number;
  readonly milliseconds: number;
  readonly client: string | null;
  readonly requestId: string;
  /** The export it spoke of. */
  readonly exportId: string | null;
  /** True when the client had gone, or was cut off, before it had all. */
  readonly cut: boolean;
}

/** Tells of each request when its answer is out. */
export function addAudit(server: FastifyInstance, tell: (answered: Answered) => void): void {
  server.decorateRequest('exportId', null);
  server.addHook('onRequest', async (request, reply) => {
    reply.header('x-request-id', request.id);
    // Also of those whose client did not wait for the end, of which no hook is told.
    const began = performance.now();
    reply.raw.once('close', () => tell(answeredOf(request, reply, performance.now() - began)));
  });
}

export function answeredOf(request: FastifyRequest, reply: FastifyReply, milliseconds: number): Answered {
  return {
    method: request.method,
    route: request.routeOptions.url ?? null,
    status: reply.statusCode,
    milliseconds: Math.round(milliseconds),
    client: request.client?.client ?? null,
    requestId: request.id,
    exportId: request.exportId,
    cut: !reply.raw.writableFinished,
  };
}
