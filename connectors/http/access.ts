import { createHash, timingSafeEqual } from 'node:crypto';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { TidemarkError } from '../../pipeline/errors.ts';
import type { Asker } from '../../pipeline/export/request.ts';

/** What a token lets its holder do; each may also do what those before it may. */
export const roles = ['reader', 'exporter', 'operator'] as const;
export type Role = (typeof roles)[number];

/** Who a route is for: whoever knocks, whoever has shown a token, or holders of a role. */
export type Audience = 'everyone' | 'authenticated' | Role;

interface HttpClient extends Asker {
  readonly role: Role;
}

export interface KnownToken extends HttpClient {
  readonly sha256: Buffer;
}

export interface Access {
  readonly tokens: readonly KnownToken[];
  /** Whether a client without a token may do everything. */
  readonly anonymous: boolean;
  /** Whether only this machine reaches us. */
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

/** Takes note of a request without a token that we know. Throws `RATE_LIMITED` when its sender tries too many. */
export type CountRefused = (request: FastifyRequest, reply: FastifyReply) => Promise<void>;

/** Lets nobody through to a route that is not theirs. Routes that say nothing are for whoever has shown a token. */
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
  checkNoForeignPage(request);
  if (access.loopback) checkOwnName(request);
  return anonymous;
}

/** Every known hash is compared, each in constant time: the answer's time tells nothing of how close a guess came. */
function holderOf(authorization: string, tokens: readonly KnownToken[]): HttpClient {
  const [, token = ''] = /^Bearer +([\x21-\x7e]+) *$/i.exec(authorization) ?? [];
  const given = createHash('sha256').update(token).digest();
  let holder: KnownToken | null = null;
  for (const known of tokens) if (timingSafeEqual(known.sha256, given)) holder = known;
  if (holder !== null && token !== '') return holder;
  throw new TidemarkError('UNAUTHORIZED', 'the token is not known here; see http_tokens and http_tokens_file');
}

function checkRole({ client, role }: HttpClient, needed: Role): void {
  if (roles.indexOf(role) >= roles.indexOf(needed)) return;
  throw new TidemarkError('FORBIDDEN', `this needs a token of the role ${needed}; that of ${client} is of ${role}`);
}

/** Without tokens anybody who reaches us may come in, but no page of another site that their browser happens to show. */
function checkNoForeignPage({ headers, host }: FastifyRequest): void {
  const { origin, 'sec-fetch-site': site } = headers;
  const isOurs = origin === undefined || (URL.canParse(origin) && new URL(origin).host === host);
  if (isOurs && (site === undefined || site === 'same-origin' || site === 'none')) return;
  throw new TidemarkError('FORBIDDEN', 'pages of other sites may ask nothing here; set http_tokens and send a token');
}

/** A page could also come by a name of its own that leads to this machine, and would then seem to be ours. */
function checkOwnName({ hostname }: FastifyRequest): void {
  if (hostname === '' || isLoopback(hostname)) return;
  throw new TidemarkError('FORBIDDEN', `the host ${JSON.stringify(hostname)} is no name of this machine itself`);
}

/** True for names and addresses that only this machine reaches. */
export function isLoopback(host: string): boolean {
  return /^(localhost|127(\.\d{1,3}){3}|\[?::1\]?)$/i.test(host);
}
