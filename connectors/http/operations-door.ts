import type { FastifyInstance } from 'fastify';
import { noQuery, refusals } from './schemas.ts';

/** What an operator may ask at any time. */
export interface Operations {
  /** Why the service is not ready for requests, in words for everyone; empty when it is. */
  readiness(): readonly string[];
  status(): Promise<object>;
  /** All metrics in Prometheus's text format, and its content type. */
  metrics(): Promise<{ readonly contentType: string; readonly text: string }>;
}

const tags = ['operations'];
const readiness = {
  type: 'object',
  properties: { ready: { type: 'boolean' }, reasons: { type: 'array', items: { type: 'string' } } },
  required: ['ready', 'reasons'],
} as const;

/** Routes to look into the service: is it alive, is it ready and why not, its numbers, its state. */
export function addOperations(server: FastifyInstance, operations: Operations): void {
  addHealth(server, operations);
  server.get('/metrics', {
    config: { audience: 'operator' },
    schema: {
      summary: 'All metrics, for Prometheus',
      tags,
      querystring: noQuery,
      response: {
        200: { description: 'the metrics', content: { 'text/plain': { schema: { type: 'string' } } } },
        ...refusals(),
      },
    },
    handler: async (_request, reply) => {
      const { contentType, text } = await operations.metrics();
      return reply.type(contentType).send(text);
    },
  });
  server.get('/status', {
    config: { audience: 'operator' },
    schema: {
      summary: 'What is stored and where reading stands',
      tags,
      querystring: noQuery,
      response: { 200: { type: 'object', additionalProperties: true, description: 'the state' }, ...refusals() },
    },
    handler: async () => operations.status(),
  });
}

/** Open to all: those who ask run the machine, and hold no token. */
function addHealth(server: FastifyInstance, operations: Operations): void {
  server.get('/healthz', {
    config: { audience: 'everyone' },
    schema: {
      summary: 'Whether the service is alive',
      tags,
      security: [],
      response: {
        200: { type: 'object', properties: { status: { type: 'string' } }, description: 'it is alive' },
      },
    },
    handler: async () => ({ status: 'alive' }),
  });
  server.get('/readyz', {
    config: { audience: 'everyone' },
    schema: {
      summary: 'Whether the service is ready, and in general words why not; /status has the details',
      tags,
      security: [],
      response: {
        200: { ...readiness, description: 'it is ready' },
        503: { ...readiness, description: 'it is not ready yet' },
      },
    },
    handler: async (_request, reply) => {
      const reasons = operations.readiness();
      return reply.code(reasons.length === 0 ? 200 : 503).send({ ready: reasons.length === 0, reasons });
    },
  });
}
