import type { FastifyInstance } from 'fastify';

/** What an operator may ask at any time. */
export interface Operations {
  /** Why the service is not ready for requests; empty when it is. */
  readiness(): readonly string[];
  status(): Promise<object>;
  /** All metrics in Prometheus's text format, and its content type. */
  metrics(): Promise<{ readonly contentType: string; readonly text: string }>;
}

/** Routes to look into the service: is it alive, is it ready and why not, its numbers, its state. */
export function addOperations(server: FastifyInstance, operations: Operations): void {
  server.get('/healthz', async () => ({ status: 'alive' }));
  server.get('/readyz', async (_request, reply) => {
    const reasons = operations.readiness();
    return reply.code(reasons.length === 0 ? 200 : 503).send({ ready: reasons.length === 0, reasons });
  });
  server.get('/metrics', async (_request, reply) => {
    const { contentType, text } = await operations.metrics();
    return reply.type(contentType).send(text);
  });
  server.get('/status', async () => operations.status());
}
