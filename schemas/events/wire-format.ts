/** Confluent's wire format: a zero byte, the id of the writer's schema in four bytes, the Avro value. */

const magic = 0;

/** The bytes before the Avro value. */
export const wireHeadBytes = 5;

/** True when the bytes begin with the wire format's zero byte, with which no JSON text begins. */
export function isWireFormat(bytes: Uint8Array): boolean {
  return bytes[0] === magic;
}

/** The id of the writer's schema; null when the bytes are not in the wire format, or end before the id does. */
export function schemaIdOf(bytes: Uint8Array | null): number | null {
  if (bytes === null || bytes[0] !== magic || bytes.length < wireHeadBytes) return null;
  return ((bytes[1]! << 24) | (bytes[2]! << 16) | (bytes[3]! << 8) | bytes[4]!) >>> 0;
}

/** An Avro value in the wire format: zero byte, id of its writer's schema, value. */
export function wireFormat(schemaId: number, value: Uint8Array): Buffer {
  const head = Buffer.alloc(wireHeadBytes);
  head.writeUInt32BE(schemaId, 1);
  return Buffer.concat([head, value]);
}
