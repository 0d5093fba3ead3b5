import { expect } from 'vitest';
import type { ExportReport } from '../../connectors/http/export-report.ts';

/** Has a service export the day 2026-03-01, under a request id that is the folder of its files too, and gives what it says of it. */
export async function exportDay(url: string, id: string): Promise<ExportReport> {
  const window = 'time_from=2026-03-01T00:00:00Z&time_to=2026-03-02T00:00:00Z';
  const answer = await fetch(`${url}/genesys/1/cs/maintenance/services/files?${window}&file_prefix=${id}/`, {
    method: 'POST',
    headers: { 'idempotency-key': id },
  });
  expect(answer.status).toBe(200);
  return (await (await fetch(`${url}/exports/${id}`)).json()) as ExportReport;
}
