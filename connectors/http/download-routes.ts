import { createHash } from 'node:crypto';
import type { FileHandle } from 'node:fs/promises';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { TidemarkError } from '../../pipeline/errors.ts';
import { type ExportRecord, isEnded } from '../../pipeline/export/request.ts';
import type { Clock, Destination } from '../../pipeline/ports.ts';
import type { Jobs } from '../../pipeline/requests/jobs.ts';
import { manifestText } from '../../schemas/manifest-text.ts';
import { CheckedFiles } from './checked-files.ts';
import { attachment, byteRange, includesTag } from './download-headers.ts';
import { addCompleteness, reportedState } from './export-report.ts';
import { completenessHeaders, fileParams, noQuery, refusalResponses } from './schemas.ts';
import type { SlowClientLimits } from './slow-clients.ts';

export interface DownloadParts {
  readonly jobs: Pick<Jobs, 'find'>;
  readonly files: {
    /** Opens a published file; null when it was moved away or replaced. */
    openFile(destination: Destination, name: string): Promise<FileHandle | null>;
  };
  readonly slowClients: SlowClientLimits;
  readonly clock: Clock;
}

type FileRequest = FastifyRequest<{ Params: { id: string; name: string } }>;

const types: Readonly<Record<string, string>> = {
  csv: 'text/csv; charset=utf-8',
  json: 'application/json',
  ndjson: 'application/x-ndjson',
  gz: 'application/gzip',
  zip: 'application/zip',
};

/** JSON files hold an array of services or a manifest object. Other files and ranges have no schema besides their type. */
const wholeFileSchemas: Readonly<Record<string, object>> = { [types.json!]: { type: ['array', 'object'] } };

/** The route that downloads a file of a completed export. It opens only names in the export's plan. */
export function addDownloadRoutes(server: FastifyInstance, parts: DownloadParts): void {
  const checked = new CheckedFiles(parts.clock);
  server.route<{ Params: { id: string; name: string } }>({
    method: ['GET', 'HEAD'],
    url: '/exports/:id/files/:name',
    config: { audience: 'reader' },
    schema: {
      summary: 'Download a file of a completed export, or a range of it',
      tags: ['exports'],
      params: fileParams,
      querystring: noQuery,
      response: {
        200: {
          description: 'the file',
          content: contentOf(type => wholeFileSchemas[type] ?? {}),
          headers: completenessHeaders,
        },
        206: { description: 'the requested range', content: contentOf(() => ({})), headers: completenessHeaders },
        304: { type: 'null', description: 'the client already has the file', headers: completenessHeaders },
        ...refusalResponses(404, 409, 410, 416),
      },
    },
    handler: (request, reply) => download(request, reply, parts, checked),
  });
}

function contentOf(schemaOf: (type: string) => object): Readonly<Record<string, { readonly schema: object }>> {
  return Object.fromEntries(Object.values(types).map(type => [type, { schema: schemaOf(type) }]));
}

async function download(request: FileRequest, reply: FastifyReply, parts: DownloadParts, checked: CheckedFiles) {
  const { jobs, files, slowClients } = parts;
  const { id, name } = request.params;
  request.exportId = id;
  const { record } = await jobs.find(id);
  if (!record.plan.names.includes(name)) throw noSuchFile(name);
  if (!isEnded(record.state)) throw notYet(record, name);
  if (record.state !== 'completed') throw noSuchFile(name);
  const handle = await files.openFile(record.plan.destination, name);
  if (handle === null) throw fileGone(name);
  try {
    const file = await checkContent(record, name, handle, checked);
    addCompleteness(reply, record);
    return await answer(request, reply, { ...file, name, handle, slowClients });
  } catch (error) {
    await handle.close().catch(() => undefined);
    throw error;
  }
}

interface Download {
  readonly name: string;
  readonly bytes: number;
  readonly sha256: string;
  readonly handle: FileHandle;
  readonly slowClients: SlowClientLimits;
}

async function answer(request: FileRequest, reply: FastifyReply, download: Download) {
  const { name, bytes, sha256, handle, slowClients } = download;
  const { headers } = request;
  const tag = `"${sha256}"`;
  reply.header('etag', tag).header('accept-ranges', 'bytes').header('x-content-type-options', 'nosniff');
  if (includesTag(headers['if-none-match'], tag)) {
    await handle.close();
    return reply.code(304).send();
  }
  const isSame = headers['if-range'] === undefined || includesTag(headers['if-range'] as string, tag);
  const range = byteRange(isSame ? headers.range : undefined, bytes);
  if (range === 'none') {
    await handle.close();
    reply.code(416).header('content-range', `bytes */${bytes}`).type('application/json; charset=utf-8');
    return reply.send({ message: `the file has ${bytes} bytes`, exception: 'REQUEST_INVALID', code: 416 });
  }
  const { from, to } = range === 'all' ? { from: 0, to: bytes - 1 } : range;
  if (range !== 'all') reply.code(206).header('content-range', `bytes ${from}-${to}/${bytes}`);
  reply.header('content-length', to - from + 1).header('content-disposition', attachment(name));
  reply.type(types[name.slice(name.lastIndexOf('.') + 1)] ?? 'application/octet-stream');
  if (request.method === 'HEAD' || bytes === 0) {
    await handle.close();
    return reply.send('');
  }
  cutOffWhenSlow(request, reply, slowClients);
  return reply.send(handle.createReadStream({ start: from, end: to }));
}

/** Closes the connection of a slow client. Reading a file is fast, so only the client can make the connection slow. */
function cutOffWhenSlow({ raw }: FastifyRequest, reply: FastifyReply, limits: SlowClientLimits): void {
  const { stallMs, periodMs, minBytesPerPeriod } = limits;
  const { socket } = raw;
  const cut = (): void => void socket.destroy();
  let before = socket.bytesWritten;
  const check = setInterval(() => {
    if (socket.bytesWritten - before < minBytesPerPeriod) cut();
    before = socket.bytesWritten;
  }, periodMs);
  socket.setTimeout(stallMs, cut);
  reply.raw.once('close', () => {
    clearInterval(check);
    socket.off('timeout', cut).setTimeout(0);
  });
}

/** Size and hash of the file. Throws `FILE_GONE` when its bytes are not those that were exported. */
async function checkContent({ manifest }: ExportRecord, name: string, handle: FileHandle, checked: CheckedFiles) {
  const exported = manifest?.files.find(file => file.name === name);
  if (exported !== undefined && (await handle.stat()).size !== exported.packed_bytes) throw fileGone(name);
  const found = await checked.check(handle);
  // A manifest does not list itself, so its bytes are made again.
  if (found.sha256 !== (exported?.packed_sha256 ?? sha256(manifest === null ? '' : manifestText(manifest))))
    throw fileGone(name);
  return found;
}

function sha256(text: string): string {
  return createHash('sha256').update(text).digest('hex');
}

function notYet({ requestId, state }: ExportRecord, name: string): TidemarkError {
  const shown = reportedState(state);
  const message = `export ${JSON.stringify(requestId)} is ${shown}; ${JSON.stringify(name)} is there when it is completed`;
  return new TidemarkError('REQUEST_UNFINISHED', message);
}

function noSuchFile(name: string): TidemarkError {
  return new TidemarkError('REQUEST_UNKNOWN', `the export has no file ${JSON.stringify(name)}`);
}

function fileGone(name: string): TidemarkError {
  return new TidemarkError('FILE_GONE', `${JSON.stringify(name)} was moved away or changed since it was exported`);
}
