import type { GivenParameters } from '../../pipeline/export/parameters.ts';
import type { ExportRecord } from '../../pipeline/export/request.ts';
import { type Acceptance, acceptExport } from '../../pipeline/requests/accept.ts';

/** Accepts a request as a test's own client would make it. */
export function acceptAs(given: GivenParameters, requestId: string, acceptance: Acceptance): Promise<ExportRecord> {
  return acceptExport({ given, requestId, asker: { door: 'cli', client: 'test' } }, acceptance);
}
