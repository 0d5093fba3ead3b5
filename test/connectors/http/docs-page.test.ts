import { type Browser, chromium, type Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { sharedBrowser } from '../../support/kafka/shared.ts';
import { type Served, serve } from '../../support/serving.ts';

const { available, program } = await sharedBrowser();

interface OpenApi {
  readonly paths: Readonly<Record<string, Readonly<Record<string, unknown>>>>;
}

/** What a page did that nobody sees who only looks at it. */
function watched(page: Page) {
  const asked: string[] = [];
  const complaints: string[] = [];
  page.on('request', request => void asked.push(request.url()));
  page.on('console', message => {
    if (message.type() === 'error' || message.type() === 'warning') complaints.push(message.text());
  });
  page.on('pageerror', error => void complaints.push(String(error)));
  page.on('requestfailed', request => void complaints.push(`${request.url()}: ${request.failure()?.errorText}`));
  page.on('response', response => {
    if (response.status() >= 400) complaints.push(`${response.url()}: ${response.status()}`);
  });
  return { asked, complaints };
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

  test('lists every route, complains of nothing and asks nobody else', async () => {
    const page = await browser.newPage();
    const { asked, complaints } = watched(page);
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
    expect(complaints).toEqual([]);
    expect(asked.filter(url => !url.startsWith(served.url) && !url.startsWith('data:'))).toEqual([]);
    expect(asked.length).toBeGreaterThan(3);
    await page.close();
  });

  test('asks the service what its reader wants to try', async () => {
    const page = await browser.newPage();
    const { complaints } = watched(page);
    await page.goto(`${served.url}/docs`);
    const health = page.locator('.opblock', { has: page.locator('[data-path="/healthz"]') });
    await health.locator('.opblock-summary').click();
    await health.getByRole('button', { name: 'Try it out' }).click();
    await health.getByRole('button', { name: 'Execute' }).click();
    const answer = health.locator('.live-responses-table .response').first();
    expect((await answer.locator('.response-col_status').textContent())?.trim()).toMatch(/^200/);
    expect(await answer.textContent()).toContain('"status": "alive"');
    expect(complaints).toEqual([]);
    await page.close();
  });
});
