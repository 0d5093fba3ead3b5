import { expect } from 'vitest';
import type { ExportReport } from '../../../connectors/http/export-report.ts';
import { waitFor } from '../../../ops/local-kafka/waiting.ts';
import type { ListedPartition } from '../../../ops/service/partition-list.ts';
import { checkedManifest } from '../checked-manifest.ts';
import type { Service } from '../service.ts';

/** Short, so that a window that has just ended can be complete soon. */
export const clockLateness = ['--clock-lateness-ms', '1000'];

export const started = (id: string, time = new Date()) => ({
  key: id,
  value: JSON.stringify({ event: 'service.started', service_id: id, timestamp: time.toISOString() }),
});

export const many = (count: number, prefix: string) =>
  Array.from({ length: count }, (_, at) => started(`${prefix}-${at}`));

interface Window {
  readonly from: Date;
  readonly to: Date;
  readonly wait?: string;
}

/** Exports a window under a request id and returns the report. */
export async function exportOf(
  service: Service,
  id: string,
  { from, to, wait = 'end' }: Window,
): Promise<ExportReport> {
  const { url } = await service.line('the service is up');
  const query = new URLSearchParams({
    ...{ time_from: from.toISOString(), time_to: to.toISOString(), file_prefix: `${id}_`, wait },
  });
  const answer = await fetch(`${url}/genesys/1/cs/maintenance/services/files?${query}`, {
    method: 'POST',
    headers: { 'idempotency-key': id },
  });
  expect(answer.status, await answer.clone().text()).toBe(200);
  return reportOf(service, id);
}

export async function reportOf(service: Service, id: string): Promise<ExportReport> {
  const { url } = await service.line('the service is up');
  const report = (await (await fetch(`${url}/exports/${id}`)).json()) as ExportReport;
  if (report.manifest !== null) checkedManifest(report.manifest);
  return report;
}

export async function partitionsOf(service: Service): Promise<readonly ListedPartition[]> {
  const { url } = await service.line('the service is up');
  return (await (await fetch(`${url}/partitions`)).json()) as readonly ListedPartition[];
}

export const servicesIn = ({ files }: ExportReport) => files.find(({ kind }) => kind === 'services')?.rows;

/** Waits until the clock has passed the clock lateness of a window's end. */
export const passed = (to: Date) =>
  waitFor('the clock to pass', async () => (Date.now() > to.getTime() + 1_100 ? true : null));
