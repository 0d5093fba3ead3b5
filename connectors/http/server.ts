import { randomUUID } from 'node:crypto';
import rateLimit from '@fastify/rate-limit';
import Fastify, {
  type FastifyInstance,
  type FastifyReply,
  type FastifyRequest,
  type FastifyServerOptions,
} from 'fastify';
import { hasSystemCode, TidemarkError } from '../../pipeline/errors.ts';
import type { Clock, Log } from '../../pipeline/ports.ts';
import type { Jobs } from '../../pipeline/requests/jobs.ts';
import { type Access, addAccess, type CountRefused } from './access.ts';
import { addRefusals, refusalOf } from './answers.ts';
import { type Answered, addAudit, answeredOf } from './audit.ts';
import { addDocuments } from './documents.ts';
import { addDownloadDoor, type DownloadDoor } from './download-door.ts';
import { addExportDoor } from './export-door.ts';
import { addJobsDoor } from './jobs-door.ts';
import { refuseOtherMethods } from './methods.ts';
import { addOperations, type Operations } from './operations-door.ts';
import type { Patience } from './patience.ts';
import { checkQueryText, faultsOf, parseQuery, requestInvalid } from './queries.ts';
import { refuseBrokenRequests } from './raw-refusals.ts';
import { addServicesDoor, type Services } from './services-door.ts';

interface HttpOptions {
  readonly host: string;
  /** 0 takes a free one. */
  readonly port: number;
  /** PEM texts; null speaks plain HTTP. */
  readonly tls: { readonly cert: string; readonly key: string } | null;
  /** Asked once a request: who may come in can change. */
  readonly access: () => Access;
  /** Requests a client may make in a minute; 0 for any number. */
  readonly ratePerMinute: number;
  /** A client that is slower is cut off. */
  readonly patience: Patience;
  readonly version: string;
  readonly operations: Operations;
  readonly jobs: Jobs;
  readonly files: DownloadDoor['files'];
  /** How the export root may be spelled; no answer shows it. */
  readonly roots: readonly string[];
  readonly services: Services;
  readonly clock: Clock;
  readonly log: Log;
  /** Called once a request, when its answer is out. */
  readonly onAnswered: (answered: Answered) => void;
}

/** A listening server; `url` is where this machine reaches it. */
interface HttpServer {
  readonly url: string;
  close(): Promise<void>;
}

const limits = { bodyBytes: 1 << 20, headBytes: 16 << 10, requestMs: 30_000, paramCharacters: 8_192 };

/** Opens the HTTP door. Throws `CONFIG_INVALID` when the address is taken, or none of this machine's. */
export async function openHttpServer(options: HttpOptions): Promise<HttpServer> {
  const { host, port } = options;
  const server = await buildServer(options);
  try {
    await server.listen({ host, port });
    return { url: localUrl(server, options), close: () => server.close() };
  } catch (cause) {
    await server.close();
    if (!hasSystemCode(cause, 'EADDRINUSE', 'EADDRNOTAVAIL', 'EACCES', 'ENOTFOUND')) throw cause;
    const reason = cause instanceof Error ? cause.message : String(cause);
    const message = `cannot listen on ${host}:${port}: ${reason}; set http_host and http_port`;
    throw new TidemarkError('CONFIG_INVALID', message, { cause });
  }
}

async function buildServer(options: HttpOptions): Promise<FastifyInstance> {
  const server: FastifyInstance = Fastify(serverOptions(options));
  server.removeAllContentTypeParsers();
  // What a body says it is does not matter: there is to be none.
  server.addContentTypeParser('*', { parseAs: 'buffer' }, (_request, body, done) =>
    done(null, body.length === 0 ? undefined : body),
  );
  server.addHook('onRequest', async ({ raw }) => void delete raw.headers['content-type']);
  addAudit(server, options.onAnswered);
  const countRefused = await addRateLimit(server, options.ratePerMinute);
  addAccess(server, options.access, countRefused);
  addRefusals(server, options);
  server.addHook('onRequest', async ({ url }) => checkQueryText(url));
  await addDocuments(server, options.version);
  const refuseMethods = refuseOtherMethods(server);
  addOperations(server, options.operations);
  addExportDoor(server, options.jobs);
  addJobsDoor(server, options);
  addDownloadDoor(server, options);
  addServicesDoor(server, options);
  refuseMethods();
  return server;
}

function serverOptions({ tls, roots, onAnswered }: HttpOptions): FastifyServerOptions {
  const http = { maxHeaderSize: limits.headBytes, headersTimeout: limits.requestMs };
  return {
    forceCloseConnections: true,
    bodyLimit: limits.bodyBytes,
    requestTimeout: limits.requestMs,
    routerOptions: { maxParamLength: limits.paramCharacters, querystringParser: parseQuery },
    genReqId: () => randomUUID(),
    ajv: {
      customOptions: {
        allErrors: true,
        verbose: true,
        coerceTypes: true,
        removeAdditional: false,
        useDefaults: false,
        validateFormats: false,
      },
    },
    schemaErrorFormatter: errors => requestInvalid(faultsOf(errors)),
    clientErrorHandler: refuseBrokenRequests,
    frameworkErrors: (error, request: FastifyRequest, reply: FastifyReply) => {
      const refusal = refusalOf(error, roots);
      reply.raw.once('close', () => onAnswered(answeredOf(request, reply, 0)));
      void reply.code(refusal.code).send(refusal);
    },
    ...(tls === null ? { http } : { https: { ...http, ...tls } }),
  };
}

/**
 * By token, and by address for those without one; whoever asks whether we live is never turned away. Gives what counts a
 * request that shows no token we know, and turns away whoever tries too many.
 */
async function addRateLimit(server: FastifyInstance, perMinute: number): Promise<CountRefused> {
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
  return new TidemarkError('RATE_LIMITED', `more than ${max} requests a minute; ask again in ${after}`);
}

/** Commands on this machine reach a server that listens on all addresses by loopback. */
function localUrl(server: FastifyInstance, { host, tls }: HttpOptions): string {
  const [address] = server.addresses();
  const anywhere: Readonly<Record<string, string>> = { '0.0.0.0': '127.0.0.1', '::': '[::1]' };
  const reached = anywhere[host] ?? (host.includes(':') ? `[${host}]` : host);
  return `${tls === null ? 'http' : 'https'}://${reached}:${address?.port}`;
}
