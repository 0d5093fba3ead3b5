/**
 * The partition that Kafka's Java producer chooses for a key: `toPositive(murmur2(key)) % partitions`, as
 * `org.apache.kafka.common.utils.Utils` computes it. kafkajs chooses the same, but in a time that grows with the square
 * of the key's length, and 500 kB take minutes.
 */
export function javaPartition(key: Uint8Array, partitions: number): number {
  return (murmur2(key) & 0x7fffffff) % partitions;
}

const seed = 0x9747b28c;
const multiplier = 0x5bd1e995;

/** MurmurHash2 with Kafka's seed, as a signed 32-bit integer. */
export function murmur2(data: Uint8Array): number {
  const view = new DataView(data.buffer, data.byteOffset, data.length);
  const whole = data.length & ~3;
  let hash = seed ^ data.length;
  for (let at = 0; at < whole; at += 4) {
    let word = Math.imul(view.getInt32(at, true), multiplier);
    word = Math.imul(word ^ (word >>> 24), multiplier);
    hash = Math.imul(hash, multiplier) ^ word;
  }
  if (data.length > whole) {
    let rest = 0;
    for (let at = data.length - 1; at >= whole; at -= 1) rest = (rest << 8) | view.getUint8(at);
    hash = Math.imul(hash ^ rest, multiplier);
  }
  hash = Math.imul(hash ^ (hash >>> 13), multiplier);
  return (hash ^ (hash >>> 15)) | 0;
}
