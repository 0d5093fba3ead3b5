import type { FastifyInstance } from 'fastify';
import { addPartitionRoutes, type PartitionOrTopic } from './partition-routes.ts';
import { noQuery, refusalResponses } from './schemas.ts';

/** What the routes for operators read from the service. */
export interface Operations {
  /** Why the service is not ready, without details that only operators may see; empty when it is ready. */
  readiness(): readonly string[];
  status(): Promise<object>;
  /** All sources of the database. */
  partitions(): readonly object[];
  /** Ends a source, or a topic that is followed no longer, by hand. Throws `PARTITION_UNKNOWN` and `PARTITION_READ`. `who` is recorded. */
  endPartition(partition: PartitionOrTopic, who: string): Promise<void>;
  /** All metrics in Prometheus's text format, and its content type. */
  metrics(): Promise<{ readonly contentType: string; readonly text: string }>;
}

const tags = ['operations'];
const readiness = {
  type: 'object',
  properties: { ready: { type: 'boolean' }, reasons: { type: 'array', items: { type: 'string' } } },
  required: ['ready', 'reasons'],
} as const;

/** Routes that show whether the service is alive and ready, its metrics and its state. */
export function addOperationRoutes(server: FastifyInstance, operations: Operations): void {
  addHealthRoutes(server, operations);
  addPartitionRoutes(server, operations);
  server.get('/metrics', {
    config: { audience: 'operator' },
    schema: {
      summary: 'Read all metrics in the text format of Prometheus',
      tags,
      querystring: noQuery,
      response: {
        200: { description: 'the metrics', content: { 'text/plain': { schema: { type: 'string' } } } },
        ...refusalResponses(),
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
      summary: 'Show what is stored and how far each partition was read',
      tags,
      querystring: noQuery,
      response: {
        200: { type: 'object', additionalProperties: true, description: 'the state' },
        ...refusalResponses(),
      },
    },
    handler: async () => operations.status(),
  });
}

/** Open to everyone, as the supervisor of the process has no token. */
function addHealthRoutes(server: FastifyInstance, operations: Operations): void {
  server.get('/healthz', {
    config: { audience: 'everyone' },
    schema: {
      summary: 'Check that the service is alive',
      tags,
      security: [],
      response: {
        200: { type: 'object', properties: { status: { type: 'string' } }, description: 'the service is alive' },
      },
    },
    handler: async () => ({ status: 'alive' }),
  });
  server.get('/readyz', {
    config: { audience: 'everyone' },
    schema: {
      summary: 'Check that the service is ready, or read in general words why not; /status has the details',
      tags,
      security: [],
      response: {
        200: { ...readiness, description: 'the service is ready' },
        503: { ...readiness, description: 'the service is not ready' },
      },
    },
    handler: async (_request, reply) => {
      const reasons = operations.readiness();
      return reply.code(reasons.length === 0 ? 200 : 503).send({ ready: reasons.length === 0, reasons });
    },
  });
}
