import type { GivenParameters } from '../../pipeline/export/parameters.ts';
import { type Acceptance, acceptExport, type ExportRecord } from '../../pipeline/requests/requests.ts';

/** Accepts a request as a test's own client would make it. */
export function acceptAs(given: GivenParameters, requestId: string, acceptance: Acceptance): Promise<ExportRecord> {
  return acceptExport({ given, requestId, asker: { door: 'cli', client: 'test' } }, acceptance);
}
