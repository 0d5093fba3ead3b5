import { createGunzip } from 'node:zlib';

/**
 * Unpacks gzip, also several members one after the other. Before it throws zlib's error, it yields all bytes that could be
 * unpacked, so the lines of a truncated file are still read; iterating the zlib stream itself would drop them.
 */
export async function* gunzipChunks(packed: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
  const gunzip = createGunzip({ chunkSize: 128 * 1024 });
  let ready: Buffer[] = [];
  let failure: Error | null = null;
  // zlib does not call back for a write of bad data; the stream closes instead.
  let endWrite = (): void => undefined;
  const ended = new Promise<void>(resolve => {
    gunzip.on('end', resolve).on('close', resolve);
  });
  gunzip.on('close', () => endWrite());
  gunzip.on('data', (chunk: Buffer) => ready.push(chunk));
  gunzip.on('error', error => {
    failure = error;
  });
  const takeReady = (): Buffer[] => {
    const taken = ready;
    ready = [];
    return taken;
  };
  try {
    for await (const chunk of packed) {
      await new Promise<void>(resolve => {
        endWrite = resolve;
        gunzip.write(chunk, () => resolve());
      });
      yield* takeReady();
      if (failure !== null) throw failure;
    }
    gunzip.end();
    await ended;
    yield* takeReady();
    if (failure !== null) throw failure;
  } finally {
    gunzip.destroy();
  }
}
