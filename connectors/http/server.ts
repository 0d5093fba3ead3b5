import { randomUUID } from 'node:crypto';
import { Server as HttpsServer } from 'node:https';
import Fastify, {
  type FastifyInstance,
  type FastifyReply,
  type FastifyRequest,
  type FastifyServerOptions,
} from 'fastify';
import { hasSystemCode, TidemarkError } from '../../pipeline/errors.ts';
import type { Clock, Log } from '../../pipeline/ports.ts';
import type { Jobs } from '../../pipeline/requests/jobs.ts';
import { type Access, addAccess } from './access.ts';
import { type AnsweredRequest, addAudit, answeredRequest } from './audit.ts';
import { addDownloadRoutes, type DownloadParts } from './download-routes.ts';
import { addExportRoutes } from './export-routes.ts';
import { addJobRoutes } from './job-routes.ts';
import { refuseOtherMethods } from './methods.ts';
import { addOpenApi } from './openapi.ts';
import { addOperationRoutes, type Operations } from './operation-routes.ts';
import { checkQueryText, faultsOf, parseQuery, requestInvalid } from './queries.ts';
import { addRateLimit } from './rate-limit.ts';
import { addRefusals, checkHost, refusalOf, refuseBrokenRequests, refuseExpectation } from './refusals.ts';
import { addReplayRoutes, type Replays } from './replay-routes.ts';
import type { StreamOptions } from './response-streams.ts';
import { addServiceRoutes, type Services } from './service-routes.ts';
import type { SlowClientLimits } from './slow-clients.ts';

/** PEM texts of a certificate and its key. */
interface KeyPair {
  readonly cert: string;
  readonly key: string;
}

interface HttpOptions {
  readonly host: string;
  /** 0 takes a free port. */
  readonly port: number;
  /** Null for plain HTTP. */
  readonly tls: KeyPair | null;
  /** Called for each request, as tokens may change. */
  readonly access: () => Access;
  /** How many requests a client may send in a minute; 0 is no limit. */
  readonly ratePerMinute: number;
  readonly slowClients: SlowClientLimits;
  readonly streams: Pick<StreamOptions, 'spool' | 'atOnce'>;
  readonly version: string;
  readonly operations: Operations;
  readonly jobs: Jobs;
  readonly replays: Replays;
  readonly files: DownloadParts['files'];
  /** Spellings of the export root; no answer shows them. */
  readonly roots: readonly string[];
  readonly services: Services;
  readonly clock: Clock;
  readonly log: Log;
  /** Called once per request, when its answer is sent or its connection is closed. */
  readonly onAnswered: (answered: AnsweredRequest) => void;
}

/** A listening server; `url` is its address for this machine. */
interface HttpServer {
  readonly url: string;
  /** Serves new connections with another certificate; without effect on a server of plain HTTP. */
  useCertificate(tls: KeyPair): void;
  close(): Promise<void>;
}

const limits = { bodyBytes: 1 << 20, headBytes: 16 << 10, requestMs: 30_000, paramCharacters: 8_192 };

/**
 * Opens the HTTP door. A door is one of the three ways to request an export: HTTP, the control topic and the command line.
 * Throws `CONFIG_INVALID` when the address is in use or does not belong to this machine.
 */
export async function openHttpServer(options: HttpOptions): Promise<HttpServer> {
  const { host, port } = options;
  const server = await buildServer(options);
  try {
    await server.listen({ host, port });
    // Further connections are closed at once; otherwise they would take the files that reading and storing need.
    server.server.maxConnections = mostConnections();
    return {
      url: localUrl(server, options),
      useCertificate(tls) {
        if (server.server instanceof HttpsServer) server.server.setSecureContext(tls);
      },
      close: () => server.close(),
    };
  } catch (cause) {
    await server.close();
    if (!hasSystemCode(cause, 'EADDRINUSE', 'EADDRNOTAVAIL', 'EACCES', 'ENOTFOUND')) throw cause;
    const reason = cause instanceof Error ? cause.message : String(cause);
    const message = `cannot listen on ${host}:${port}: ${reason}; set http_host and http_port`;
    throw new TidemarkError('CONFIG_INVALID', message, { cause });
  }
}

/** Files and connections that the service itself needs: the database, logs, brokers, exports. */
const ownFiles = 96;
const fewestConnections = 8;

/** How many connections may be open at once: what the limit of open files of this process leaves, or any number. */
function mostConnections(): number {
  const report = process.report.getReport() as {
    readonly userLimits?: { readonly open_files?: { readonly soft: unknown } };
  };
  const files = report.userLimits?.open_files?.soft;
  return typeof files === 'number' ? Math.max(files - ownFiles, fewestConnections) : Number.POSITIVE_INFINITY;
}

async function buildServer(options: HttpOptions): Promise<FastifyInstance> {
  const server: FastifyInstance = Fastify(serverOptions(options));
  server.removeAllContentTypeParsers();
  // Every content type is accepted: a body must be empty anyway.
  server.addContentTypeParser('*', { parseAs: 'buffer' }, (_request, body, done) =>
    done(null, body.length === 0 ? undefined : body),
  );
  server.addHook('onRequest', async ({ raw }) => void delete raw.headers['content-type']);
  addAudit(server, options.onAnswered);
  const countRefused = await addRateLimit(server, options.ratePerMinute);
  addAccess(server, options.access, countRefused);
  addRefusals(server, options);
  server.addHook('onRequest', async ({ raw, url }) => {
    checkHost(raw);
    checkQueryText(url);
  });
  server.server.on('checkExpectation', refuseExpectation);
  await addOpenApi(server, options.version);
  const refuseMethods = refuseOtherMethods(server);
  addOperationRoutes(server, options.operations);
  addExportRoutes(server, options.jobs);
  addJobRoutes(server, options);
  addReplayRoutes(server, options.replays);
  addDownloadRoutes(server, options);
  addServiceRoutes(server, options);
  refuseMethods();
  return server;
}

function serverOptions({ tls, roots, onAnswered }: HttpOptions): FastifyServerOptions {
  // A missing Host is refused by `checkHost`: Node's own refusal has no body.
  const http = { maxHeaderSize: limits.headBytes, headersTimeout: limits.requestMs, requireHostHeader: false };
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
      reply.raw.once('close', () => onAnswered(answeredRequest(request, reply, 0)));
      void reply.code(refusal.code).send(refusal);
    },
    ...(tls === null ? { http } : { https: { ...http, ...tls } }),
  };
}

/** The server's address for commands on this machine: the loopback address when the server listens on all addresses. */
function localUrl(server: FastifyInstance, { host, tls }: HttpOptions): string {
  const [address] = server.addresses();
  const anywhere: Readonly<Record<string, string>> = { '0.0.0.0': '127.0.0.1', '::': '[::1]' };
  const localHost = anywhere[host] ?? (host.includes(':') ? `[${host}]` : host);
  return `${tls === null ? 'http' : 'https'}://${localHost}:${address?.port}`;
}
