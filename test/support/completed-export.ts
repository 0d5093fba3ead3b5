import { createHash } from 'node:crypto';
import { noSources } from '../../pipeline/completeness/sources.ts';
import { buildManifest } from '../../pipeline/export/manifest.ts';
import type { ExportRecord } from '../../pipeline/export/request.ts';
import { recordOf } from '../contracts/request-store.ts';

/** The record of a completed export with one file of this content and this verdict. */
export function completedRecord(
  requestId: string,
  { status, content }: { readonly status: 'complete' | 'provisional'; readonly content: string },
): ExportRecord {
  const record = recordOf(requestId);
  const { plan, given, acceptedAt } = record;
  const plain = { bytes: Buffer.byteLength(content), sha256: createHash('sha256').update(content).digest('hex') };
  const name = plan.names[0]!;
  const file = { name, kind: 'services', rows: 0, columns: [], valuesLeftOut: 0, plain, packed: plain } as const;
  const manifest = buildManifest({
    requestId,
    parameters: given,
    selection: { timeFrom: 0, timeTo: plan.timeTo, filterEvents: 'any', filterState: 'any' },
    sources: noSources,
    judged: noSources,
    lateness: { allowedMs: 0, clockMs: 0 },
    schemaIds: [],
    extensions: 'columns',
    servicesWithoutStart: 0,
    splitServices: 0,
    completeness: { status, reasons: status === 'complete' ? [] : ['a reason'], vouchedBy: [] },
    files: [file],
    software: 'test',
  });
  return { ...record, state: 'completed', endedAt: acceptedAt, manifest };
}
