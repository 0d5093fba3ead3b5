import { writeFile } from 'node:fs/promises';
import path from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import type { ExportReport } from '../../connectors/http/export-report.ts';
import { serve } from '../support/serving.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';
import { tidemark, tidemarkDone } from '../support/tidemark.ts';
import { smallWindow, wideServices, wideWindow } from '../support/wide-services.ts';

const services = '/genesys/1/cs/maintenance/services';

test('rows too wide for memory_limit: each door reports that memory ran out and what to do, and the service keeps running', async () => {
  const served = await serve({ lines: wideServices, settings: { memory_limit: '100MB' } });
  const advice =
    'memory ran out; raise memory_limit, which is 100MB, let fewer exports run at once, or narrow the window';
  const message = `could not write the services: ${advice}`;
  const post = (query: string, id: string) =>
    fetch(`${served.url}${services}/files?${query}`, { method: 'POST', headers: { 'idempotency-key': id } });

  const refused = await post(`${wideWindow}&file_prefix=wide_&format=json`, 'wide');
  expect([refused.status, await refused.json()]).toEqual([503, { message, exception: 'OUT_OF_MEMORY', code: 503 }]);
  const report = (await (await fetch(`${served.url}/exports/wide`)).json()) as ExportReport;
  expect([report.state, report.files, report.error]).toEqual(['failed', [], { code: 'OUT_OF_MEMORY', message }]);

  const streamed = await fetch(`${served.url}${services}/stream?${wideWindow}&export_content=true`);
  expect([streamed.status, await streamed.json()]).toEqual([503, { message, exception: 'OUT_OF_MEMORY', code: 503 }]);

  expect((await post(`${smallWindow}&file_prefix=small_&format=json`, 'small')).status).toBe(200);
  expect((await fetch(`${served.url}/readyz`)).status).toBe(200);
});

test('without memory for a batch ingest fails with the reason, and continues where it was when it has more', async () => {
  const folder = await temporaryFolder();
  onTestFinished(folder.remove);
  await writeFile(path.join(folder.path, 'wide.ndjson'), wideServices.map(line => `${line}\n`).join(''));
  const ingest = (memory: string) =>
    tidemark(['ingest', 'wide.ndjson', '--db', 'wide.duckdb', '--memory-limit', memory], { cwd: folder.path });
  const { code, stderr } = await ingest('12MB');
  const words =
    'could not store a batch of wide.ndjson: memory ran out; raise memory_limit, which is 12MB [OUT_OF_MEMORY]';
  expect([code, stderr]).toEqual([74, expect.stringContaining(words)]);
  expect((await ingest('1GB')).code).toBe(0);
  const status = JSON.parse(await tidemarkDone(['status', '--db', path.join(folder.path, 'wide.duckdb'), '--json']));
  expect(status.tables[0]).toMatchObject({ table: 'services', rows: wideServices.length });
});
