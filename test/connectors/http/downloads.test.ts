import { createHash } from 'node:crypto';
import { mkdir, readFile, rename, rm, symlink, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { ExportReport } from '../../../connectors/http/export-report.ts';
import { checkSeal } from '../../../schemas/manifest-text.ts';
import { checkedManifest } from '../../support/checked-manifest.ts';
import { goldenLines } from '../../support/golden.ts';
import { request, sendRaw } from '../../support/raw-http.ts';
import { type Served, serve } from '../../support/serving.ts';

const window = 'time_from=2014-01-01T12:00:00.000Z&time_to=2015-01-01T18:00:00.000Z';
const endings: (() => Promise<void>)[] = [];
let served: Served;
beforeAll(async () => {
  served = await serve({ lines: goldenLines('seed/events.ndjson') }, end => endings.push(end));
});
afterAll(async () => {
  for (const end of endings) await end();
});

let exports = 0;

/** Requests an export with respond-async, then waits for it with the same request again. */
async function exported(query: string): Promise<ExportReport> {
  exports += 1;
  const post = (headers: Record<string, string>) =>
    fetch(`${served.url}/genesys/1/cs/maintenance/services/files?${window}&${query}`, {
      method: 'POST',
      headers: { 'idempotency-key': `export-${exports}`, ...headers },
    });
  const answer = await post({ prefer: 'return=minimal, respond-async' });
  expect([answer.status, answer.headers.get('preference-applied')]).toEqual([202, 'respond-async']);
  const names = (await answer.json()) as readonly string[];
  expect(await (await post({})).json()).toEqual(names);
  const report = (await (await fetch(new URL(answer.headers.get('location')!, served.url))).json()) as ExportReport;
  expect([report.state, report.files.map(file => file.path).toReversed()]).toEqual(['completed', names]);
  return report;
}

const fileOf = ({ files }: ExportReport, kind = 'services') => files.find(file => file.kind === kind)!;
const sha256 = (bytes: Uint8Array) => createHash('sha256').update(bytes).digest('hex');

// contract 5.10, 5.13
test.each([
  ['format=csv', 'text/csv; charset=utf-8'],
  ['format=json', 'application/json'],
  ['format=ndjson', 'application/x-ndjson'],
  ['format=csv&compression=gzip', 'application/gzip'],
  ['format=ndjson&compression=zip', 'application/zip'],
])('an export is requested, shown and downloaded: %s', async (query, type) => {
  const file = fileOf(await exported(`${query}&file_prefix=é_`));
  const answer = await fetch(new URL(file.href, served.url));
  const bytes = new Uint8Array(await answer.arrayBuffer());
  expect(answer.status).toBe(200);
  expect([bytes.length, sha256(bytes)]).toEqual([file.packed_bytes, file.packed_sha256]);
  expect(answer.headers.get('content-type')).toBe(type);
  expect(answer.headers.get('etag')).toBe(`"${file.packed_sha256}"`);
  expect(answer.headers.get('content-disposition')).toContain(`filename*=UTF-8''%C3%A9_`);
});

describe('a range of a file (contract 5.13)', () => {
  let file: ExportReport['files'][number];
  let whole: string;
  const get = (headers: Record<string, string>, method = 'GET') =>
    fetch(new URL(file.href, served.url), { headers, method });
  beforeAll(async () => {
    file = fileOf(await exported('file_prefix=parts/'));
    whole = await readFile(path.join(served.root, 'parts', file.name), 'utf8');
  });

  test.each([
    ['the first bytes', 'bytes=0-9', 0, 9],
    ['from a byte to the end', 'bytes=100-', 100, -1],
    ['the last bytes', 'bytes=-7', -7, -1],
    ['an end after the end of the file', 'bytes=10-999999', 10, -1],
  ])('%s: 206 and these bytes', async (_, range, from, to) => {
    const answer = await get({ range });
    const bytes = Buffer.from(whole);
    const start = from < 0 ? bytes.length + from : from;
    const part = bytes.subarray(start, to < 0 ? bytes.length : to + 1);
    expect([answer.status, await answer.text()]).toEqual([206, part.toString()]);
    expect(answer.headers.get('content-range')).toBe(`bytes ${start}-${start + part.length - 1}/${bytes.length}`);
  });

  test('after its end: 416 and the length of the file', async () => {
    const answer = await get({ range: 'bytes=999999-' });
    expect([answer.status, answer.headers.get('content-range')]).toEqual([416, `bytes */${file.packed_bytes}`]);
  });

  test.each([
    ['several ranges', { range: 'bytes=0-1,3-4' }],
    ['an invalid range', { range: 'bytes=x-' }],
    ['a range of another version', { range: 'bytes=0-1', 'if-range': '"other"' }],
  ])('%s: 200 and the whole file', async (_, headers) => {
    const answer = await get(headers as unknown as Record<string, string>);
    expect([answer.status, await answer.text()]).toEqual([200, whole]);
  });

  test('a file that the client already has is not sent again', async () => {
    for (const tag of [`"${file.packed_sha256}"`, `"x", W/"${file.packed_sha256}"`, '*'])
      expect((await get({ 'if-none-match': tag })).status).toBe(304);
    expect((await get({ 'if-none-match': '"x"' })).status).toBe(200);
  });

  test('HEAD has the headers without the bytes', async () => {
    const answer = await get({}, 'HEAD');
    expect([answer.status, answer.headers.get('content-length'), await answer.text()]).toEqual([
      200,
      String(file.packed_bytes),
      '',
    ]);
  });
});

test('a manifest can be downloaded when it was requested', async () => {
  const report = await exported('file_prefix=told_&manifest=true');
  const answer = await fetch(new URL(report.manifest_href!, served.url));
  const bytes = Buffer.from(await answer.arrayBuffer());
  expect(JSON.parse(bytes.toString())).toEqual(checkedManifest(report.manifest));
  expect(checkSeal(bytes)).toBe('same');
  expect((await exported('file_prefix=told_')).manifest_href).toBeNull();
});

test('a manifest file that is not the exported one is not sent (contract 5.13)', async () => {
  const report = await exported('file_prefix=forged/&manifest=true');
  const name = decodeURIComponent(report.manifest_href!.split('/').at(-1)!);
  const file = path.join(served.root, 'forged', name);
  await writeFile(file, (await readFile(file, 'utf8')).replace('"rows": ', '"rows": 1'));
  const answer = await fetch(new URL(report.manifest_href!, served.url));
  expect([answer.status, ((await answer.json()) as { exception: string }).exception]).toEqual([410, 'FILE_GONE']);
});

describe('a name that is not a file of the export (contract 5.13):', () => {
  let report: ExportReport;
  beforeAll(async () => {
    report = await exported('file_prefix=safe/x_');
    await writeFile(path.join(served.root, 'safe', 'other.csv'), 'not of the export');
  });

  test.each([
    ['another file of its folder', 'other.csv'],
    ['a path to the parent folder', '..%2f..%2ftidemark.yaml'],
    ['the same, encoded twice', '..%252f..%252ftidemark.yaml'],
    ['the same with backslashes', '..%5c..%5ctidemark.yaml'],
    ['an absolute name', '%2fetc%2fpasswd'],
    ['a name with NUL', 'x%00.csv'],
    ['a dot', '%2e'],
    ['a property of every object', '__proto__'],
  ])('%s: 404', async (_, name) => {
    const { status, body } = await sendRaw(served.url, request(`GET /exports/${report.request_id}/files/${name}`));
    expect([status, body.includes('root:')]).toEqual([404, false]);
  });

  test('a path to the parent folder without encoding: 404', async () => {
    const line = `GET /exports/${report.request_id}/files/../../../../tidemark.yaml`;
    expect((await sendRaw(served.url, request(line))).status).toBe(404);
  });

  test('a file of an unknown export: 404', async () => {
    const { status, body } = await sendRaw(served.url, request(`GET /exports/nobody/files/${fileOf(report).name}`));
    expect([status, JSON.parse(body).exception]).toEqual([404, 'REQUEST_UNKNOWN']);
  });
});

describe('a file that is not the exported one is not sent (contract 5.13):', () => {
  const statusAfter = async (change: (file: string, folder: string) => Promise<void>, prefix: string) => {
    const file = fileOf(await exported(`file_prefix=${prefix}/x_`));
    const folder = path.join(served.root, prefix);
    await change(path.join(folder, file.name), folder);
    const answer = await fetch(new URL(file.href, served.url));
    return [answer.status, ((await answer.json()) as { exception: string }).exception];
  };
  const secret = () => path.join(served.folder, 'tidemark.yaml');

  test.each([
    ['it was moved away', 'moved', (file: string) => rm(file)],
    ['it was changed', 'changed', (file: string) => writeFile(file, 'something else')],
    [
      'one byte of it was changed',
      'flipped',
      async (file: string) => {
        const bytes = await readFile(file);
        bytes[bytes.length - 2]! ^= 1;
        await writeFile(file, bytes);
      },
    ],
    [
      'it is a link now',
      'linked',
      async (file: string) => {
        await rm(file);
        await symlink(secret(), file);
      },
    ],
    [
      'it is a folder now',
      'foldered',
      async (file: string) => {
        await rm(file);
        await mkdir(file);
      },
    ],
    [
      'its folder is a link now',
      'way',
      async (_file: string, folder: string) => {
        await rename(folder, `${served.folder}/elsewhere`);
        await symlink(`${served.folder}/elsewhere`, folder);
      },
    ],
  ])('%s: 410', async (_, prefix, change) => {
    expect(await statusAfter(change, prefix)).toEqual([410, 'FILE_GONE']);
  });
});
