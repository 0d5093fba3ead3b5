import { decodeRecord } from '../../schemas/decode.ts';
import { isReject } from '../../schemas/events/decode-members.ts';
import { type AvroText, avroWriter, compiled, wireBytes } from './avro.ts';

export const timestampMillis = { type: 'long', logicalType: 'timestamp-millis' };
export const instant = Date.parse('2026-03-01T00:00:00.000Z');

/** The fewest fields of a start, and values for them. */
export const idAndTime = [
  { name: 'service_id', type: 'string' },
  { name: 'timestamp', type: timestampMillis },
];
export const whole = { service_id: 's', timestamp: instant };

/** The schema of a `service.started` with further fields. */
export const startedWith = (...fields: readonly object[]) => ({
  type: 'record',
  name: 'service.started',
  fields: [...idAndTime, ...fields],
});

/** Encodes by the schema and decodes by it: the event, or reason and field of the reject. */
export function through(schema: AvroText, value: unknown) {
  const decoded = decodeRecord(
    { timestamp: null, key: null, value: wireBytes(7, avroWriter(schema).toBuffer(value)) },
    { keyFormat: 'string', schemas: new Map([[7, compiled(schema)]]) },
  );
  return isReject(decoded) ? [decoded.reason, decoded.field] : decoded;
}
