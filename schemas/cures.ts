import { isUtf8 } from 'node:buffer';
import { isWireFormat } from './events/wire-format.ts';

/** The clauses with the cure that a message gets where a setting or the producer is likely at fault; '' elsewhere. */

/** How a record's key is encoded. An absent key is allowed where there is a value. */
export type KeyFormat = 'string' | 'json' | 'avro';

/** For a key that differs from the `service_id`; both would be the same in the format that is named. */
export function cureOfMismatch(key: Uint8Array, serviceId: string, format: KeyFormat): string {
  const text = Buffer.from(key).toString('utf8');
  if (format === 'string' && isWireFormat(key)) return '; the key begins as Avro does: set key_format to avro';
  if (format === 'string' && jsonStringOf(text) === serviceId) return '; the key is JSON: set key_format to json';
  if (format !== 'string' && text === serviceId) return '; the key is plain text: set key_format to string';
  return '';
}

/** For a key that cannot be decoded, or that cannot be a service_id. */
export function cureOfKey(key: Uint8Array, format: KeyFormat): string {
  if (isWireFormat(key)) return format === 'avro' ? '' : '; the key begins as Avro does: set key_format to avro';
  if (format === 'string') return '';
  return isUtf8(key) ? `; key_format is ${format}: if keys are plain text, set it to string` : '';
}

/** For a value that is not JSON. Avro holds bytes that no JSON text holds, and seldom begins as an object does. */
export function cureOfValue(value: Uint8Array, hasRegistry: boolean): string {
  const start = Buffer.from(value.subarray(0, 1_024)).toString('latin1').trimStart();
  const isJsonText = isUtf8(value) && !/[\0-\x08\x0b\x0c\x0e-\x1f]/.test(start);
  if (isJsonText || start.startsWith('{')) return '';
  const registry = hasRegistry ? '' : ', and set registry_url';
  return `; if it is Avro, let the producer write ${wireFormat}${registry}`;
}

const wireFormat = "the wire format (a zero byte and the schema's id in four bytes before the Avro data)";

/** Avro data without a prefix may begin with a zero byte, too. */
export const cureOfUnknownSchema = `; check registry_url, and that the producer writes ${wireFormat}`;

function jsonStringOf(text: string): string | null {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'string' ? value : null;
  } catch {
    return null;
  }
}
