/**
 * How fast the packers are, beside Node's own single-threaded zlib streams.
 * `node dist/test/bench/packing.js [MiB] [rounds]`, after `npm run build`. Packed bytes are counted and dropped.
 */
import { availableParallelism, cpus } from 'node:os';
import { pathToFileURL } from 'node:url';
import { createDeflateRaw, createGzip } from 'node:zlib';
import { BlockCutter } from '../../connectors/export-directory/block-cutter.ts';
import { createPacker } from '../../connectors/export-directory/create-packer.ts';
import { csvText, median } from '../support/csv-text.ts';

const MIB = 1024 * 1024;
/** What DuckDB's pipe brings at a time. */
const CHUNK_BYTES = 64 * 1024;

type Pack = (chunks: Iterable<Buffer>) => Promise<number>;

const contestants: Record<string, Pack> = {
  'zlib.createGzip, one thread': chunks => throughStream(createGzip({ level: 6 }), chunks),
  'zlib.createDeflateRaw, one thread': chunks => throughStream(createDeflateRaw({ level: 6 }), chunks),
  'gzip packer, 256 KiB blocks': chunks => throughPacker('gzip', 256 * 1024, chunks),
  'gzip packer, 512 KiB blocks': chunks => throughPacker('gzip', 512 * 1024, chunks),
  'gzip packer, 1 MiB blocks': chunks => throughPacker('gzip', MIB, chunks),
  'gzip packer, 4 MiB blocks': chunks => throughPacker('gzip', 4 * MIB, chunks),
  'zip packer, 1 MiB blocks': chunks => throughPacker('zip', MIB, chunks),
};

/** Runs every contestant in turn, round by round, so that a slow moment of the machine strikes all. */
export async function benchPacking(sizeMiB: number, rounds: number): Promise<void> {
  const text = csvText(sizeMiB * MIB);
  const seconds = new Map<string, number[]>();
  const packedBytes = new Map<string, number>();
  for (let round = 0; round < rounds; round += 1) {
    for (const [name, pack] of Object.entries(contestants)) {
      const start = process.hrtime.bigint();
      packedBytes.set(name, await pack(chunksOf(text)));
      const took = Number(process.hrtime.bigint() - start) / 1e9;
      seconds.set(name, [...(seconds.get(name) ?? []), took]);
    }
  }
  const machine = `${availableParallelism()} × ${cpus()[0]?.model ?? 'unknown'}`;
  const versions = `Node ${process.version}, zlib ${process.versions.zlib}`;
  process.stdout.write(`${machine}; ${versions}; ${sizeMiB} MiB of CSV, median of ${rounds} rounds\n`);
  for (const [name, times] of seconds) {
    const rate = (sizeMiB / median(times)).toFixed(0).padStart(6);
    const share = ((100 * (packedBytes.get(name) ?? 0)) / text.length).toFixed(2);
    process.stdout.write(`${name.padEnd(36)} ${rate} MiB/s   packed to ${share} %\n`);
  }
}

function* chunksOf(text: Buffer): Generator<Buffer> {
  for (let at = 0; at < text.length; at += CHUNK_BYTES) yield text.subarray(at, at + CHUNK_BYTES);
}

async function throughStream(stream: ReturnType<typeof createGzip>, chunks: Iterable<Buffer>): Promise<number> {
  let bytes = 0;
  stream.on('data', (packed: Buffer) => {
    bytes += packed.length;
  });
  const ended = new Promise(resolve => stream.on('end', resolve));
  for (const chunk of chunks) {
    if (!stream.write(chunk)) await new Promise(resolve => stream.once('drain', resolve));
  }
  stream.end();
  await ended;
  return bytes;
}

async function throughPacker(kind: 'gzip' | 'zip', blockBytes: number, chunks: Iterable<Buffer>): Promise<number> {
  let bytes = 0;
  const packer = createPacker(kind, 'services.csv', async packed => {
    bytes += packed.length;
  });
  const blocks = new BlockCutter(blockBytes);
  for (const chunk of chunks) {
    for (const block of blocks.cut(chunk)) await packer.take(block);
  }
  await packer.end(blocks.rest());
  return bytes;
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) {
  await benchPacking(Number(process.argv[2] ?? 300), Number(process.argv[3] ?? 5));
}
