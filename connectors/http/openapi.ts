import swagger from '@fastify/swagger';
import swaggerUi from '@fastify/swagger-ui';
import type { FastifyInstance } from 'fastify';
import { readSchemaFile } from '../../schemas/package-files.ts';

/** The page loads nothing from other hosts, and works over plain HTTP too. */
const contentSecurityPolicy =
  "default-src 'self'; base-uri 'self'; font-src 'self' data:; frame-ancestors 'none'; img-src 'self' data:; object-src 'none'; script-src 'self'; style-src 'self'";

/**
 * Adds `/openapi.json`, made from the schemas of the routes, `/manifest.schema.json`, and the page `/docs`. To be called before
 * routes are added.
 */
export async function addOpenApi(server: FastifyInstance, version: string): Promise<void> {
  const manifest: Record<string, unknown> = JSON.parse(readSchemaFile('manifest.schema.json'));
  await server.register(swagger, {
    openapi: {
      openapi: '3.1.0',
      info: {
        title: 'Tidemark',
        version,
        description:
          'Exports services with their states and tasks. All times are UTC. Every refusal has message, exception and code.',
      },
      components: { schemas: { Manifest: manifest }, securitySchemes: { token: { type: 'http', scheme: 'bearer' } } },
      security: [{ token: [] }],
      tags: [{ name: 'exports' }, { name: 'replays' }, { name: 'services' }, { name: 'operations' }],
    },
  });
  await server.register(swaggerUi, {
    routePrefix: '/docs',
    staticCSP: contentSecurityPolicy,
    // The standard layout has a bar with a logo, whose inline style the policy forbids.
    uiConfig: { validatorUrl: null, layout: 'BaseLayout' },
  });
  server.get('/openapi.json', { schema: { hide: true } }, async () => server.swagger());
  server.get('/manifest.schema.json', { schema: { hide: true } }, async () => manifest);
}
