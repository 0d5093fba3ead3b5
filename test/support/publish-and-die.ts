/**
 * Publishes the sealed files of a request and kills itself on the way: `root filePrefix requestId fraction name…`.
 * How long publishing takes is learned from a first request made here; the kill comes at that fraction of it.
 */
import { openExportDirectory } from '../../connectors/export-directory/local-export-directory.ts';

const [root = '', filePrefix = '', requestId = '', fraction = '1', ...names] = process.argv.slice(2);
const directory = await openExportDirectory({ root, owner: 'publisher' });

const nanoseconds = await learnDuration();
const destination = await directory.resolve(filePrefix);
dieAfter(Number(fraction) * nanoseconds);
await directory.publish(destination, requestId, names);

async function learnDuration(): Promise<number> {
  const trial = await directory.resolve(`trial-${requestId}/x_`);
  for (const name of names) {
    const file = await directory.create(trial, requestId, name, 'uncompressed');
    await file.seal();
  }
  const start = process.hrtime.bigint();
  await directory.publish(trial, requestId, names);
  return Number(process.hrtime.bigint() - start);
}

/** Looks at the clock on every turn of the loop, which is finer than any timer. */
function dieAfter(waitNanoseconds: number): void {
  const start = process.hrtime.bigint();
  const look = (): void => {
    if (Number(process.hrtime.bigint() - start) >= waitNanoseconds) process.kill(process.pid, 'SIGKILL');
    setImmediate(look).unref();
  };
  look();
}
