import { createGunzip } from 'node:zlib';

/**
 * Unpacks gzip, also several members one after the other. Everything that could be unpacked is yielded before the
 * error about what could not: a file cut short still gives its lines. (Iterating the stream itself would drop them.)
 * Rejects with zlib's error.
 */
export async function* gunzipChunks(packed: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
  const gunzip = createGunzip({ chunkSize: 128 * 1024 });
  let ready: Buffer[] = [];
  let failure: Error | null = null;
  // A write that meets bad data is never called back; the stream closes instead.
  let goOn = (): void => undefined;
  const ended = new Promise<void>(resolve => {
    gunzip.on('end', resolve).on('close', resolve);
  });
  gunzip.on('close', () => goOn());
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
        goOn = resolve;
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
