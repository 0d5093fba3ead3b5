import { createHash, timingSafeEqual } from 'node:crypto';
import type { FastifyInstance, FastifyRequest } from 'fastify';
import { TidemarkError } from '../../pipeline/errors.ts';
import type { Asker } from '../../pipeline/export/request.ts';
import type { CountRefused } from './rate-limit.ts';

/** What the holder of a token may do. Each role may also do what the roles before it may. */
export const roles = ['reader', 'exporter', 'operator'] as const;
export type Role = (typeof roles)[number];

/** Who may use a route: everyone, every holder of a token, or the holders of a role and those above it. */
export type Audience = 'everyone' | 'authenticated' | Role;

interface HttpClient extends Asker {
  readonly role: Role;
}

export interface KnownToken extends HttpClient {
  readonly sha256: Buffer;
}

export interface Access {
  readonly tokens: readonly KnownToken[];
  /** Whether clients without a token may do everything. */
  readonly anonymous: boolean;
  /** Whether the server listens on a loopback address only, so that only this machine reaches it. */
  readonly loopback: boolean;
}

declare module 'fastify' {
  interface FastifyContextConfig {
    audience?: Audience;
  }
  interface FastifyRequest {
    client: HttpClient | null;
  }
}

const anonymous: HttpClient = { door: 'http', client: 'anonymous', role: 'operator' };

/**
 * Checks the token and role of each request before its route runs. A route without an `audience` is for every holder of a
 * token. `access` is called for each request, as tokens may change.
 */
export function addAccess(server: FastifyInstance, access: () => Access, countRefused: CountRefused): void {
  server.decorateRequest('client', null);
  server.addHook('onRequest', async (request, reply) => {
    const audience = request.routeOptions.config.audience ?? 'authenticated';
    if (audience === 'everyone') return;
    try {
      request.client = clientOf(request, access());
    } catch (error) {
      await countRefused(request, reply);
      reply.header('www-authenticate', 'Bearer realm="tidemark"');
      throw error;
    }
    if (audience !== 'authenticated') checkRole(request.client, audience);
  });
}

function clientOf(request: FastifyRequest, access: Access): HttpClient {
  const { authorization } = request.headers;
  if (authorization !== undefined) return holderOf(authorization, access.tokens);
  if (!access.anonymous) throw new TidemarkError('UNAUTHORIZED', 'a token is needed: Authorization: Bearer <token>');
  checkSameSite(request);
  if (access.loopback) checkHostName(request);
  return anonymous;
}

/** Compares with every known hash, each in constant time: the response time does not depend on how close a guess is. */
function holderOf(authorization: string, tokens: readonly KnownToken[]): HttpClient {
  const [, token = ''] = /^Bearer +([\x21-\x7e]+) *$/i.exec(authorization) ?? [];
  const hash = createHash('sha256').update(token).digest();
  let holder: KnownToken | null = null;
  for (const known of tokens) if (timingSafeEqual(known.sha256, hash)) holder = known;
  if (holder !== null && token !== '') return holder;
  throw new TidemarkError(
    'UNAUTHORIZED',
    'the token is unknown; the settings http_tokens and http_tokens_file list the known ones',
  );
}

function checkRole({ client, role }: HttpClient, needed: Role): void {
  if (roles.indexOf(role) >= roles.indexOf(needed)) return;
  throw new TidemarkError('FORBIDDEN', `a token of the role ${needed} is needed; ${client} has the role ${role}`);
}

/** Without tokens every client on this machine is allowed, but not a web page of another site in a browser on this machine. */
function checkSameSite({ headers, host }: FastifyRequest): void {
  const { origin, 'sec-fetch-site': site } = headers;
  const isSameHost = origin === undefined || (URL.canParse(origin) && new URL(origin).host === host);
  if (isSameHost && (site === undefined || site === 'same-origin' || site === 'none')) return;
  throw new TidemarkError(
    'FORBIDDEN',
    'requests from pages of other sites are refused; set http_tokens and send a token',
  );
}

/** Refuses other host names: a page of a site whose name resolves to this machine (DNS rebinding) would count as the same site. */
function checkHostName({ hostname }: FastifyRequest): void {
  if (hostname === '' || isLoopback(hostname)) return;
  throw new TidemarkError(
    'FORBIDDEN',
    `the host ${JSON.stringify(hostname)} is refused; allowed are localhost and loopback addresses`,
  );
}

/** True for host names and addresses that only this machine can reach. */
export function isLoopback(host: string): boolean {
  return /^(localhost|127(\.\d{1,3}){3}|\[?::1\]?)$/i.test(host);
}
