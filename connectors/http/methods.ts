import { METHODS } from 'node:http';
import type { FastifyInstance, HTTPMethods, RouteOptions } from 'fastify';
import type { Audience } from './access.ts';

/** QUERY is known to newer Nodes only; of others nothing comes to a route. */
const methods = ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS', 'TRACE', 'QUERY'].filter(method =>
  METHODS.includes(method),
) as readonly HTTPMethods[];

interface Address {
  readonly methods: Set<string>;
  readonly audience: Audience | undefined;
}

/**
 * Answers every other method at an address that is there with 405, and names those it has. Gives what is to be called when
 * all routes are there.
 */
export function refuseOtherMethods(server: FastifyInstance): () => void {
  if (METHODS.includes('QUERY')) server.addHttpMethod('QUERY', { hasBody: true });
  const known = new Map<string, Address>();
  server.addHook('onRoute', ({ url, method, config }: RouteOptions) => {
    const address = known.get(url) ?? { methods: new Set(), audience: config?.audience };
    for (const each of [method].flat()) address.methods.add(each);
    known.set(url, address);
  });
  return () => {
    for (const [url, { methods: own, audience }] of [...known].filter(([address]) => !address.includes('*'))) {
      const allow = [...own].toSorted().join(', ');
      server.route({
        method: methods.filter(method => !own.has(method)),
        url,
        schema: { hide: true },
        config: audience === undefined ? {} : { audience },
        handler: (_request, reply) => {
          const message = `there is no such method here; allowed is ${allow}`;
          return reply.code(405).header('allow', allow).send({ message, exception: 'REQUEST_INVALID', code: 405 });
        },
      });
    }
  };
}
