import { createHash } from 'node:crypto';
import type { FileHandle } from 'node:fs/promises';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { TidemarkError } from '../../pipeline/errors.ts';
import type { ExportRecord } from '../../pipeline/export/request.ts';
import type { Destination } from '../../pipeline/ports.ts';
import type { Jobs } from '../../pipeline/requests/jobs.ts';
import { byteRange, namesTag } from './byte-range.ts';
import type { Patience } from './patience.ts';
import { fileParams, noQuery, refusals } from './schemas.ts';

export interface DownloadDoor {
  readonly jobs: Pick<Jobs, 'find'>;
  readonly files: {
    /** Opens a published file; null when it was moved away or replaced. */
    openFile(destination: Destination, name: string): Promise<FileHandle | null>;
  };
  /** A client that is slower is cut off. */
  readonly patience: Patience;
}

type FileRequest = FastifyRequest<{ Params: { id: string; name: string } }>;

const types: Readonly<Record<string, string>> = {
  csv: 'text/csv; charset=utf-8',
  json: 'application/json',
  ndjson: 'application/x-ndjson',
  gz: 'application/gzip',
  zip: 'application/zip',
};

/** What a whole file of JSON is: its services, or a manifest. Of other files the type says all, and a part of one is any bytes. */
const whole: Readonly<Record<string, object>> = { [types.json!]: { type: ['array', 'object'] } };

/** The files of completed exports, by name; nothing else of the disk can be named. */
export function addDownloadDoor(server: FastifyInstance, door: DownloadDoor): void {
  server.route<{ Params: { id: string; name: string } }>({
    method: ['GET', 'HEAD'],
    url: '/exports/:id/files/:name',
    config: { audience: 'reader' },
    schema: {
      summary: 'A file of a completed export, whole or in part',
      tags: ['exports'],
      params: fileParams,
      querystring: noQuery,
      response: {
        200: { description: 'the file', content: contentOf(type => whole[type] ?? {}) },
        206: { description: 'the bytes asked for', content: contentOf(() => ({})) },
        304: { type: 'null', description: 'the client has it already' },
        ...refusals(404, 410, 416),
      },
    },
    handler: (request, reply) => download(request, reply, door),
  });
}

function contentOf(schemaOf: (type: string) => object): Readonly<Record<string, { readonly schema: object }>> {
  return Object.fromEntries(Object.values(types).map(type => [type, { schema: schemaOf(type) }]));
}

async function download(request: FileRequest, reply: FastifyReply, { jobs, files, patience }: DownloadDoor) {
  const { id, name } = request.params;
  request.exportId = id;
  const { record } = await jobs.find(id);
  if (record.state !== 'completed' || !record.plan.names.includes(name)) throw noSuchFile(name);
  const handle = await files.openFile(record.plan.destination, name);
  if (handle === null) throw fileGone(name);
  try {
    return await answer(request, reply, { ...(await factsOf(record, name, handle)), name, handle, patience });
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
  readonly patience: Patience;
}

async function answer(request: FileRequest, reply: FastifyReply, { name, bytes, sha256, handle, patience }: Download) {
  const { headers } = request;
  const tag = `"${sha256}"`;
  reply.header('etag', tag).header('accept-ranges', 'bytes').header('x-content-type-options', 'nosniff');
  if (namesTag(headers['if-none-match'], tag)) {
    await handle.close();
    return reply.code(304).send();
  }
  const isSame = headers['if-range'] === undefined || namesTag(headers['if-range'] as string, tag);
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
  cutOffSlow(request, reply, patience);
  return reply.send(handle.createReadStream({ start: from, end: to }));
}

/** Reading never waits for long, so a connection that is silent or slow is one whose client takes little or nothing. */
function cutOffSlow({ raw }: FastifyRequest, reply: FastifyReply, { stallMs, spanMs, leastBytes }: Patience): void {
  const { socket } = raw;
  const cut = (): void => void socket.destroy();
  let before = socket.bytesWritten;
  const looking = setInterval(() => {
    if (socket.bytesWritten - before < leastBytes) cut();
    before = socket.bytesWritten;
  }, spanMs);
  socket.setTimeout(stallMs, cut);
  reply.raw.once('close', () => {
    clearInterval(looking);
    socket.off('timeout', cut).setTimeout(0);
  });
}

/** Of data files the manifest knows size and hash, so that one that was replaced is seen; a manifest is read for them. */
async function factsOf({ manifest }: ExportRecord, name: string, handle: FileHandle) {
  const known = manifest?.files.find(file => file.name === name);
  if (known === undefined) {
    const content = await handle.readFile();
    return { bytes: content.length, sha256: createHash('sha256').update(content).digest('hex') };
  }
  const { size } = await handle.stat();
  if (size !== known.packed_bytes) throw fileGone(name);
  return { bytes: size, sha256: known.packed_sha256 };
}

/** RFC 6266: a plain name for old clients, the true one for all others. */
function attachment(name: string): string {
  const plain = name.replaceAll(/[^\x20-\x7e]|["\\%]/g, '_');
  const encoded = encodeURIComponent(name).replaceAll(/['()*]/g, sign => `%${sign.charCodeAt(0).toString(16)}`);
  return `attachment; filename="${plain}"; filename*=UTF-8''${encoded}`;
}

function noSuchFile(name: string): TidemarkError {
  return new TidemarkError('REQUEST_UNKNOWN', `the export has no file ${JSON.stringify(name)}`);
}

function fileGone(name: string): TidemarkError {
  return new TidemarkError('FILE_GONE', `${JSON.stringify(name)} was moved away or changed since it was exported`);
}
