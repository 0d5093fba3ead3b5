import { expect, onTestFinished, test, vi } from 'vitest';
import { ingestEvents } from '../../../ops/service/event-reading.ts';
import type { RecordBatch } from '../../../pipeline/ports.ts';
import { LogLines } from '../../support/kafka/reading.ts';

function batch(partition: number, from: number): RecordBatch {
  const value = Buffer.from(`{"event":"service.deleted","service_id":"${partition}-${from}"}`);
  const records = [{ offset: from, timestamp: 1, key: null, value, headers: [] }];
  const next = { nextOffset: from + 1, bookmark: null };
  return { partition: { topic: 'calls', partition }, kind: 'live', origin: 'x', records, from, next, bytesRead: 1 };
}

test('a line a minute says what was stored, and only debugging shows each batch', async () => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'setInterval', 'clearInterval'] });
  onTestFinished(() => void vi.useRealTimers());
  const log = new LogLines();
  const source = {
    async *read() {
      yield batch(0, 0);
      yield batch(1, 0);
      await vi.advanceTimersByTimeAsync(60_000);
      await vi.advanceTimersByTimeAsync(60_000);
      yield batch(0, 1);
    },
    readAgain: () => undefined,
    shrink: () => false,
  };
  const warehouse = { positions: () => [], beginReading: () => [], store: async () => [], note: () => undefined };
  const config = { key_format: 'string', max_record_bytes: 1e6, max_misfit_percent: 90 } as const;
  const { signal } = new AbortController();
  await ingestEvents({ config, source, warehouse, registry: null, log, signal, onStored: () => undefined });
  const told = log.lines.map(({ level, facts, sentence }) => {
    const { records, transactions } = facts as { readonly records?: number; readonly transactions?: number };
    return `${level}: ${sentence} ${records} in ${transactions ?? '-'}`;
  });
  expect(told).toEqual([
    'debug: batch stored 1 in -',
    'debug: batch stored 1 in -',
    'info: events stored 2 in 1',
    'debug: batch stored 1 in -',
    'info: events stored 1 in 1',
  ]);
});
