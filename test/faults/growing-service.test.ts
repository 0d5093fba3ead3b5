import { createHash, randomBytes } from 'node:crypto';
import { createReadStream, createWriteStream } from 'node:fs';
import { readdir, stat } from 'node:fs/promises';
import path from 'node:path';
import { createInterface } from 'node:readline';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { describe, expect, onTestFinished, test } from 'vitest';
import { temporaryFolder } from '../support/temporary-folder.ts';
import { tidemarkDone } from '../support/tidemark.ts';

const time = (second: number) => new Date(Date.UTC(2026, 0, 1) + second * 1_000).toISOString();
/** A text that does not compress. */
const text = (length: number) => randomBytes((length * 3) / 4).toString('base64');
const hashOf = (value: string) => createHash('sha256').update(value).digest('hex');

type Extensions = Readonly<Record<string, unknown>>;

/** Ingests events with the default memory, exports all of them, and gives the sizes and the exported services. */
async function ingestAndExport(events: Iterable<object>) {
  const folder = await temporaryFolder();
  onTestFinished(folder.remove);
  const [input, db, root] = ['events.ndjson', 'test.duckdb', 'out'].map(name => path.join(folder.path, name));
  const lines = (function* () {
    for (const event of events) yield `${JSON.stringify(event)}\n`;
  })();
  await pipeline(Readable.from(lines), createWriteStream(input!));
  await tidemarkDone(['ingest', input!, '--db', db!]);
  const size = { input: (await stat(input!)).size, database: (await stat(db!)).size };
  const window = ['--time-from', time(0), '--time-to', time(1e6), '--file-prefix', 'x'];
  const exported = ['export', '--db', db!, '--export-root', root!, ...window];
  await tidemarkDone([...exported, '--format', 'ndjson']);
  const [name] = await readdir(root!);
  const services = new Map<string, { readonly extensions?: Extensions; readonly disposition_desc?: string }>();
  for await (const line of createInterface({ input: createReadStream(path.join(root!, name!)) })) {
    const service = JSON.parse(line);
    services.set(service.service_id, service);
  }
  return {
    size,
    services,
    exportAs: (...more: readonly string[]) => tidemarkDone([...exported, ...more]),
    root: root!,
  };
}

// At the default memory of 256 MB. When each batch wrote all extensions of a row anew, the 669th update was the last.
test('a service that grows by 100 kB an update takes the room of what came in, and stops nobody', {
  timeout: 600_000,
}, async () => {
  const updates = process.env.SOAK ? 3_000 : 900;
  const hashes = new Map<string, string>();
  const { size, services } = await ingestAndExport(
    (function* () {
      yield { event: 'service.started', service_id: 'growing', timestamp: time(0) };
      for (let number = 0; number < updates; number += 1) {
        const value = text(100_000);
        hashes.set(`n${number}`, hashOf(value));
        yield { event: 'extension.updated', entity: 'service', service_id: 'growing', name: `n${number}`, value };
        yield {
          event: 'service.started',
          service_id: `other-${number}`,
          timestamp: time(number),
          extensions: { a: 1 },
        };
      }
    })(),
  );
  expect(services.size).toBe(updates + 1);
  const found = Object.entries(services.get('growing')!.extensions!).map(([name, value]) => [
    name,
    hashOf(String(value)),
  ]);
  expect(found).toEqual([...hashes]);
  expect(size.database, `${size.input} bytes came in`).toBeLessThan(3 * size.input);
});

describe('large services are exported at the default memory', () => {
  test('sixty of 2 MB, in every form', { timeout: 300_000 }, async () => {
    const value = () => ({ long: text(1_000_000), inside: { list: [text(500_000), text(500_000)] } });
    const extensions = new Map(Array.from({ length: 60 }, (_, number) => [`s${number}`, value()]));
    const { services, exportAs, root } = await ingestAndExport(
      Array.from(extensions, ([service_id, given]) => ({
        ...{ event: 'service.started', service_id, timestamp: time(1) },
        extensions: given,
      })),
    );
    for (const [id, given] of extensions)
      expect(hashOf(JSON.stringify(services.get(id)!.extensions)), id).toBe(hashOf(JSON.stringify(given)));
    await exportAs('--extensions', 'columns', '--compression', 'gzip');
    await exportAs('--extensions', 'json');
    const sizes = await Promise.all(
      (await readdir(root)).filter(name => name.endsWith('_services.csv')).map(name => stat(path.join(root, name))),
    );
    expect(sizes.map(({ size }) => size)).toEqual([expect.closeTo(60 * 2_000_000, -5)]);
  });

  test('one of 30 MB, in an extension or in a column of its own', { timeout: 300_000 }, async () => {
    const long = text(30_000_000);
    const { services } = await ingestAndExport([
      { event: 'service.started', service_id: 'extended', timestamp: time(1), extensions: { long } },
      { event: 'service.completed', service_id: 'described', timestamp: time(1), disposition_desc: long },
    ]);
    expect(hashOf(String(services.get('extended')!.extensions!.long))).toBe(hashOf(long));
    expect(hashOf(services.get('described')!.disposition_desc!)).toBe(hashOf(long));
  });

  test('20,000 of which each has 10 kB in one column', { timeout: 300_000 }, async () => {
    const long = text(10_000);
    const { services } = await ingestAndExport(
      Array.from({ length: 20_000 }, (_, number) => ({
        ...{ event: 'service.completed', service_id: `s${number}`, timestamp: time(number) },
        disposition_desc: `${number} ${long}`,
      })),
    );
    expect(services.size).toBe(20_000);
    expect(services.get('s19999')!.disposition_desc).toBe(`19999 ${long}`);
  });
});
