import { METHODS } from 'node:http';
import type { FastifyInstance, HTTPMethods, RouteOptions } from 'fastify';
import type { Audience } from './access.ts';

/** Only newer Node versions know QUERY. A request with a method that is not in this list reaches no route. */
const methods = ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS', 'TRACE', 'QUERY'].filter(method =>
  METHODS.includes(method),
) as readonly HTTPMethods[];

/** A route's address with its methods. */
interface Address {
  readonly methods: Set<string>;
  readonly audience: Audience | undefined;
}

/**
 * Answers a method that an address does not support with 405 and the methods that it supports. This holds for the routes that
 * are added between this call and the call of the returned function.
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
          const message = `this address does not support the method; allowed are ${allow}`;
          return reply.code(405).header('allow', allow).send({ message, exception: 'REQUEST_INVALID', code: 405 });
        },
      });
    }
  };
}
