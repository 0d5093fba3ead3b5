import { expect, test } from 'vitest';
import { decodeRecord } from '../../../schemas/decode.ts';
import { asAvro, ourSchemas } from '../../support/avro.ts';
import { goldenLines } from '../../support/golden.ts';

const decoded = (value: Uint8Array) =>
  decodeRecord({ timestamp: null, key: null, value }, { keyFormat: 'string', schemas: ourSchemas });

test.each([
  ["the source system's page", 'seed/events.ndjson', 16],
  ['everything allowed', 'messy/events.ndjson', 3_553],
  ['what is allowed among the rejects', 'rejects/events.ndjson', 39],
])('%s: an event is the same from Avro as from JSON', (_, log, least) => {
  const lines = goldenLines(log).map(line => ({ line, avro: asAvro(line) }));
  const pairs = lines.filter(({ avro }) => avro !== null);
  expect(pairs.length).toBeGreaterThanOrEqual(least);
  for (const { avro, line } of pairs) expect(decoded(avro!), line.toString()).toEqual(decoded(line));
});
