import swagger from '@fastify/swagger';
import swaggerUi from '@fastify/swagger-ui';
import type { FastifyInstance } from 'fastify';

/** The page asks nobody else, and works over plain HTTP too. */
const ownAssetsOnly =
  "default-src 'self'; base-uri 'self'; font-src 'self' data:; frame-ancestors 'none'; img-src 'self' data:; object-src 'none'; script-src 'self'; style-src 'self'";

/** The page of all routes, and the document it is made from; to be added before the routes. */
export async function addDocuments(server: FastifyInstance, version: string): Promise<void> {
  await server.register(swagger, {
    openapi: {
      openapi: '3.1.0',
      info: {
        title: 'Tidemark',
        version,
        description: 'Exports of services, their states and tasks. Times are UTC; every refusal has the same shape.',
      },
      components: { securitySchemes: { token: { type: 'http', scheme: 'bearer' } } },
      security: [{ token: [] }],
      tags: [{ name: 'exports' }, { name: 'services' }, { name: 'operations' }],
    },
  });
  await server.register(swaggerUi, {
    routePrefix: '/docs',
    staticCSP: ownAssetsOnly,
    // The other layout has a bar with a logo of strangers, whose inline style the policy forbids.
    uiConfig: { validatorUrl: null, layout: 'BaseLayout' },
  });
  server.get('/openapi.json', { schema: { hide: true } }, async () => server.swagger());
}
