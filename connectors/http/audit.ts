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
  server.addHook('onRequest', async (request, reply) => void reply.header('x-request-id', request.id));
  server.addHook('onResponse', async (request, reply) => tell(answeredOf(request, reply)));
}

function answeredOf(request: FastifyRequest, reply: FastifyReply): Answered {
  return {
    method: request.method,
    route: request.routeOptions.url ?? null,
    status: reply.statusCode,
    milliseconds: Math.round(reply.elapsedTime),
    client: request.client?.client ?? null,
    requestId: request.id,
    exportId: request.exportId,
    cut: !reply.raw.writableFinished,
  };
}
