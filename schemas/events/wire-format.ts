/** Confluent's wire format: a zero byte, the id of the writer's schema in four bytes, the Avro value. */

const magic = 0;

/** Where the Avro value begins. */
export const wireHead = 5;

/** True when the bytes begin as the wire format does; JSON text never begins with this byte. */
export function isWireFormat(bytes: Uint8Array): boolean {
  return bytes[0] === magic;
}

/** The id of the writer's schema; null when the bytes are not in the wire format, or end within its head. */
export function schemaIdOf(bytes: Uint8Array | null): number | null {
  if (bytes === null || bytes[0] !== magic || bytes.length < wireHead) return null;
  return ((bytes[1]! << 24) | (bytes[2]! << 16) | (bytes[3]! << 8) | bytes[4]!) >>> 0;
}

/** An Avro value behind the head that names its writer's schema. */
export function wireFormat(schemaId: number, value: Uint8Array): Buffer {
  const head = Buffer.alloc(wireHead);
  head.writeUInt32BE(schemaId, 1);
  return Buffer.concat([head, value]);
}
