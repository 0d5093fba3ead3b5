import type { Database } from '../../connectors/duckdb/file/database.ts';
import { ServiceLookup } from '../../connectors/duckdb/read/service-lookup.ts';
import type { AnsweredRequest } from '../../connectors/http/audit.ts';
import type { Operations } from '../../connectors/http/operation-routes.ts';
import { openHttpServer } from '../../connectors/http/server.ts';
import type { Services } from '../../connectors/http/service-routes.ts';
import { slowClientLimits } from '../../connectors/http/slow-clients.ts';
import type { Layout } from '../../pipeline/export/selection.ts';
import type { Log } from '../../pipeline/ports.ts';
import type { Jobs } from '../../pipeline/requests/jobs.ts';
import type { ReplayJobs } from '../../pipeline/requests/replay-jobs.ts';
import { shortId } from '../../pipeline/requests/request-id.ts';
import type { ExportParts } from '../main.ts';
import type { Config } from '../settings/settings.ts';
import { readPackage } from '../software.ts';
import { localClient, newToken } from './access.ts';
import type { DoorMetrics } from './door-metrics.ts';
import { LiveAccess } from './live-access.ts';
import { LiveCertificate } from './live-certificate.ts';
import { announceServer, withdrawServer } from './server-file.ts';
import { traceRequest } from './traces.ts';

interface DoorParts {
  readonly config: Config;
  readonly log: Log;
  readonly database: Database;
  readonly exporting: ExportParts;
  readonly operations: Operations;
  readonly jobs: Jobs;
  readonly replays: ReplayJobs;
  readonly metrics: Pick<DoorMetrics, 'answered'>;
}

/** Starts the HTTP server, and writes the file by which commands on this machine find it. */
export async function openDoor(parts: DoorParts): Promise<{ readonly url: string; close(): Promise<void> }> {
  const { config, log, database, exporting, operations, jobs, replays, metrics } = parts;
  const token = newToken();
  const certificate = LiveCertificate.open(config, log);
  const { directory, clock } = exporting;
  const access = new LiveAccess({ config, localToken: token, clock, log });
  const server = await openHttpServer({
    host: config.http_host,
    port: config.http_port,
    tls: certificate?.pair ?? null,
    access: () => access.current(),
    ratePerMinute: config.http_rate_limit,
    slowClients: slowClientLimits(config.http_stall_ms),
    streams: {
      spool: { folder: database.stagingFolder, maxBytes: config.stream_spool_bytes },
      atOnce: config.streams_at_once,
    },
    version: readPackage().version,
    operations,
    jobs,
    replays: { jobs: replays, databases: exporting.replays },
    files: directory,
    roots: directory.roots,
    services: servicesOf(database, exporting),
    clock,
    log,
    onAnswered(answered) {
      audit(answered, log);
      traceRequest(answered, Date.now());
      metrics.answered(answered);
    },
  });
  const announce = (fingerprint: string | null) =>
    announceServer(config.db, {
      url: server.url,
      pid: process.pid,
      token,
      export_root: directory.roots.at(-1)!,
      certificate: fingerprint,
    });
  await announce(certificate?.fingerprint ?? null).catch(async error => {
    await server.close();
    throw error;
  });
  const unfollow = certificate?.follow({ announce, serve: pair => server.useCertificate(pair) });
  return {
    url: server.url,
    async close() {
      await unfollow?.();
      await withdrawServer(config.db);
      await server.close();
    },
  };
}

const wholeServices: Layout = {
  format: 'json',
  compression: 'uncompressed',
  separator: ',',
  header: false,
  extensions: 'columns',
  extensionColumns: null,
};

function servicesOf(database: Database, { snapshots }: ExportParts): Services {
  const lookup = new ServiceLookup(database);
  return {
    find: (serviceId, asked) => lookup.find(serviceId, asked),
    async open(selection, withContent) {
      if (!withContent) return snapshots.ids(selection);
      const snapshot = await snapshots.snapshot(selection, wholeServices);
      return {
        write: sink => snapshot.write('services', sink),
        interrupt: () => snapshot.interrupt(),
        close: () => snapshot.close(),
      };
    },
  };
}

const probes: ReadonlySet<string | null> = new Set(['/healthz', '/readyz', '/metrics']);

/**
 * Logs each request, so that the log shows which client requested what. What monitoring asks every few seconds, and
 * commands on this machine while they wait, is only for debugging, unless it fails.
 */
function audit(answered: AnsweredRequest, log: Log): void {
  const { method, route, status, milliseconds, client, requestId, exportId, replayId, cut } = answered;
  const about = {
    ...(exportId === null ? {} : { export: shortId(exportId) }),
    ...(replayId === null ? {} : { replay: shortId(replayId) }),
  };
  const facts = { method, route, status, ms: milliseconds, client, request_id: requestId, ...about };
  const isPoll = method === 'GET' && client === localClient.client;
  const isQuiet = status < 400 && (isPoll || probes.has(route));
  log[isQuiet ? 'debug' : 'info']({ ...facts, ...(cut ? { cut } : {}) }, 'request');
}
