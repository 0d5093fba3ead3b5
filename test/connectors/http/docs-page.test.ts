import { type Browser, chromium, type Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { sharedBrowser } from '../../support/kafka/shared.ts';
import { type Served, serve } from '../../support/serving.ts';

const { available, program } = await sharedBrowser();

interface OpenApi {
  readonly paths: Readonly<Record<string, Readonly<Record<string, unknown>>>>;
}

/** The requests of a page, and its errors and warnings. */
function watched(page: Page) {
  const requested: string[] = [];
  const problems: string[] = [];
  page.on('request', request => void requested.push(request.url()));
  page.on('console', message => {
    if (message.type() === 'error' || message.type() === 'warning') problems.push(message.text());
  });
  page.on('pageerror', error => void problems.push(String(error)));
  page.on('requestfailed', request => void problems.push(`${request.url()}: ${request.failure()?.errorText}`));
  page.on('response', response => {
    if (response.status() >= 400) problems.push(`${response.url()}: ${response.status()}`);
  });
  return { requested, problems };
}

describe.skipIf(!available)('the page at /docs in a browser', () => {
  const endings: (() => Promise<void>)[] = [];
  let served: Served;
  let browser: Browser;
  beforeAll(async () => {
    served = await serve({}, end => endings.push(end));
    browser = await chromium.launch({ executablePath: program });
    endings.push(() => browser.close());
  });
  afterAll(async () => {
    for (const end of endings.toReversed()) await end();
  });

  test('lists every route, has no errors and loads nothing from other hosts', async () => {
    const page = await browser.newPage();
    const { requested, problems } = watched(page);
    await page.goto(`${served.url}/docs`);
    await page.locator('.opblock').first().waitFor();
    await page.waitForLoadState('networkidle');
    const { paths } = (await (await fetch(`${served.url}/openapi.json`)).json()) as OpenApi;
    const routes = Object.entries(paths).flatMap(([route, methods]) =>
      Object.keys(methods).map(method => `${method.toUpperCase()} ${route}`),
    );
    const listed = await page.locator('.opblock-summary').evaluateAll(summaries =>
      summaries.map(summary => {
        const text = (part: string) => summary.querySelector(part)?.textContent?.replaceAll('\u200b', '').trim();
        return `${text('.opblock-summary-method')} ${text('.opblock-summary-path')}`;
      }),
    );
    expect(routes.length).toBeGreaterThan(8);
    expect(listed.toSorted()).toEqual(routes.toSorted());
    expect(await page.locator('.info .title').textContent()).toContain('Tidemark');
    expect(problems).toEqual([]);
    expect(requested.filter(url => !url.startsWith(served.url) && !url.startsWith('data:'))).toEqual([]);
    expect(requested.length).toBeGreaterThan(3);
    await page.close();
  });

  test('sends the request that its reader tries', async () => {
    const page = await browser.newPage();
    const { problems } = watched(page);
    await page.goto(`${served.url}/docs`);
    const health = page.locator('.opblock', { has: page.locator('[data-path="/healthz"]') });
    await health.locator('.opblock-summary').click();
    await health.getByRole('button', { name: 'Try it out' }).click();
    await health.getByRole('button', { name: 'Execute' }).click();
    const answer = health.locator('.live-responses-table .response').first();
    expect((await answer.locator('.response-col_status').textContent())?.trim()).toMatch(/^200/);
    expect(await answer.textContent()).toContain('"status": "alive"');
    expect(problems).toEqual([]);
    await page.close();
  });
});
