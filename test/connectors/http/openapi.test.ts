import { execFile } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { promisify } from 'node:util';
import { Validator } from '@seriousme/openapi-schema-validator';
import { afterAll, beforeAll, describe, expect, type TestContext, test } from 'vitest';
import { pipInstall } from '../../../ops/local-kafka/java.ts';
import { fetchOnce, ToolsMissing } from '../../../ops/local-kafka/tools.ts';
import { lineOf, newToken } from '../../../ops/service/access.ts';
import { goldenLines } from '../../support/golden.ts';
import { type Served, serve } from '../../support/serving.ts';
import { skipBecause } from '../../support/skipping.ts';

const fuzzer = 'schemathesis==4.32.5';
/** The requests are the same in each run, except in the soak test, which looks for new ones. */
const [fuzzSeconds, seed] = process.env.SOAK ? [300, []] : [15, ['--seed', '1']];
const token = newToken();
const endings: (() => Promise<void>)[] = [];
let served: Served;
beforeAll(async () => {
  const settings = {
    http_tokens: [lineOf('fuzzer', 'operator', token)],
    http_rate_limit: 0,
    export_wait_ms: 100,
    export_queue: 100_000,
  };
  served = await serve({ lines: goldenLines('seed/events.ndjson'), settings }, end => endings.push(end));
});
afterAll(async () => {
  for (const end of endings) await end();
});

const headers = { authorization: `Bearer ${token}` };
const get = (route: string) => fetch(`${served.url}${route}`, { headers });

interface Operation {
  readonly summary?: string;
  readonly responses: Readonly<Record<string, { content?: Record<string, { schema: { type?: string | string[] } }> }>>;
}

const openApi = async () =>
  (await (await get('/openapi.json')).json()) as { paths: Record<string, Record<string, Operation>> };

describe('/openapi.json', () => {
  test('is a valid OpenAPI 3.1 document that describes every route', async () => {
    const document = await openApi();
    const validator = new Validator();
    expect(await validator.validate(structuredClone(document))).toEqual({ valid: true });
    expect(validator.version).toBe('3.1');
    expect(Object.keys(document.paths).toSorted()).toEqual([
      '/exports',
      '/exports/{id}',
      '/exports/{id}/files/{name}',
      '/genesys/1/cs/maintenance/services/file',
      '/genesys/1/cs/maintenance/services/files',
      '/genesys/1/cs/maintenance/services/stream',
      '/genesys/1/cs/services/{id}',
      '/healthz',
      '/metrics',
      '/partitions',
      '/partitions/{topic}/end',
      '/partitions/{topic}/{partition}/end',
      '/readyz',
      '/replays',
      '/replays/{id}',
      '/status',
    ]);
    for (const operations of Object.values(document.paths))
      for (const { summary, responses } of Object.values(operations))
        expect([summary, Object.keys(responses)[0]]).toEqual([expect.any(String), '200']);
  });

  test.each(['csv', 'json', 'ndjson'])(
    'describes the type of a downloaded %s file and of its manifest',
    async format => {
      const query = `time_from=2014-01-01T00:00:00Z&time_to=2015-01-01T00:00:00Z&format=${format}&manifest=true`;
      const route = '/genesys/1/cs/maintenance/services/files';
      const asked = await fetch(`${served.url}${route}?${query}&file_prefix=shapes_${format}_`, {
        method: 'POST',
        headers,
      });
      const id = asked.headers.get('location')!;
      const job = (await (await get(id)).json()) as { files: { href: string }[]; manifest_href: string };
      const operation = (await openApi()).paths['/exports/{id}/files/{name}']!.get!;
      const hrefs = [...job.files.map(({ href }) => href), job.manifest_href];
      expect(hrefs).toHaveLength(format === 'csv' ? 4 : 2);
      for (const href of hrefs) {
        const answer = await get(href);
        const { schema } = operation.responses['200']!.content![answer.headers.get('content-type')!]!;
        const content = href.endsWith('.json') ? ((await answer.json()) as unknown) : await answer.text();
        expect(schema.type ?? typeof content).toContain(Array.isArray(content) ? 'array' : typeof content);
      }
    },
  );

  test('is true for the requests of a fuzzer: no server error, no undescribed status or body', {
    timeout: 800_000,
  }, async context => {
    const folder = await fuzzerFolder(context);
    const report = path.join(served.folder, 'fuzz.ndjson');
    const checks =
      'not_a_server_error,status_code_conformance,content_type_conformance,response_schema_conformance,unsupported_method,negative_data_rejection';
    const args = [
      ...['run', `${served.url}/openapi.json`, '-H', `Authorization: Bearer ${token}`, '--checks', checks],
      ...[...seed, '--max-time', String(fuzzSeconds), '--report', 'ndjson', '--report-ndjson-path', report],
    ];
    const run = promisify(execFile)('python3', [path.join(folder, 'bin/schemathesis'), ...args], {
      cwd: served.folder,
      env: { ...process.env, PYTHONPATH: folder, PYTHONUTF8: '1' },
      timeout: fuzzSeconds * 2_000 + 60_000,
      maxBuffer: 64 << 20,
    });
    const { stdout } = await run.catch((error: { stdout?: string; stderr?: string }) => {
      throw new Error(`${error.stdout}${error.stderr}`.slice(-8_000));
    });
    expect(stdout).toMatch(/Tested: +20/);
    expect((await get('/readyz')).status).toBe(200);
    expect(served.log()).not.toContain('"level":"error"');
    expect(served.log()).not.toContain(token);
    const answers = await readFile(report, 'utf8');
    for (const leak of [path.join(served.folder, 'exports'), 'node_modules', 'services_rows'])
      expect(answers).not.toContain(leak);
  });
});

/** The folder of the fuzzer. Skips the test on a machine without Python or network. */
async function fuzzerFolder(context: Pick<TestContext, 'skip'>): Promise<string> {
  try {
    return await fetchOnce(fuzzer.replace('==', '-'), target => pipInstall([fuzzer], target));
  } catch (error) {
    if (!(error instanceof ToolsMissing)) throw error;
    return skipBecause(context, `openapi: not fuzzed: ${error.message}`);
  }
}

test('the page /docs loads nothing from other hosts', async () => {
  const answer = await get('/docs/');
  expect(answer.headers.get('content-security-policy')).not.toMatch(/https?:|upgrade|unsafe/);
  const page = await answer.text();
  for (const [, address] of page.matchAll(/(?:src|href)="([^"]+)"/g)) {
    expect(address).toMatch(/^\.?\/?(docs\/)?static\//);
    expect((await get(new URL(address!, `${served.url}/docs/`).pathname)).status).toBe(200);
  }
  expect(page).not.toMatch(/https?:\/\//);
});

test('/metrics counts requests and exports', async () => {
  const query = 'time_from=2014-01-01T00:00:00Z&time_to=2015-01-01T00:00:00Z&file_prefix=m_';
  const before = (await (await get('/metrics')).text()).match(
    /^tidemark_exports_total\{outcome="completed",door="http"\} (\d+)$/m,
  );
  await fetch(`${served.url}/genesys/1/cs/maintenance/services/files?${query}`, { method: 'POST', headers });
  const text = await (await get('/metrics')).text();
  expect(text).toContain(`tidemark_exports_total{outcome="completed",door="http"} ${Number(before?.[1] ?? 0) + 1}`);
  for (const line of [
    /^tidemark_http_requests_total\{method="POST",route="\/genesys\/1\/cs\/maintenance\/services\/files",status="200"\} \d+$/m,
    /^tidemark_exported_rows_total [1-9]/m,
    /^tidemark_exported_bytes_total [1-9]/m,
    /^tidemark_exports_running 0$/m,
    /^tidemark_exports_waiting 0$/m,
    // The fuzzer may have asked for some.
    /^tidemark_replays_running \d+$/m,
    /^tidemark_replays_waiting \d+$/m,
    /^tidemark_database_bytes [1-9]/m,
    /^tidemark_rows\{entity="services",part="closed"\} \d+$/m,
    /^process_resident_memory_bytes [1-9]/m,
  ])
    expect(text).toMatch(line);
});
