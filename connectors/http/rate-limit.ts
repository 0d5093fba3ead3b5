import rateLimit from '@fastify/rate-limit';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { TidemarkError } from '../../pipeline/errors.ts';

/** Counts a request whose token is missing or unknown. Throws `RATE_LIMITED` when its address sends too many of them. */
export type CountRefused = (request: FastifyRequest, reply: FastifyReply) => Promise<void>;

/**
 * Limits the requests per minute of each token, and of each address for clients without a token; 0 is no limit. Routes that
 * are open to everyone (`/healthz`, `/readyz`) are not limited. Returns the function that counts requests without a known
 * token.
 */
export async function addRateLimit(server: FastifyInstance, perMinute: number): Promise<CountRefused> {
  if (perMinute === 0) return async () => undefined;
  await server.register(rateLimit, {
    global: true,
    max: perMinute,
    timeWindow: '1 minute',
    keyGenerator: ({ client, ip }) =>
      client === null || client.client === 'anonymous' ? ip : `token ${client.client}`,
    allowList: request => request.routeOptions.config.audience === 'everyone',
    errorResponseBuilder: (_request, { max, after }) => rateLimited(max, after),
  });
  const countByAddress = server.createRateLimit({ keyGenerator: ({ ip }) => `refused ${ip}` });
  return async (request, reply) => {
    const limit = await countByAddress(request);
    if (limit.isAllowed || !limit.isExceeded) return;
    reply.header('retry-after', limit.ttlInSeconds);
    throw rateLimited(limit.max, `${limit.ttlInSeconds} seconds`);
  };
}

function rateLimited(max: number, after: string): TidemarkError {
  return new TidemarkError('RATE_LIMITED', `more than ${max} requests a minute; try again in ${after}`);
}
