import { expect, test } from 'vitest';
import { javaPartition, murmur2 } from '../../../../connectors/kafka/client/java-partition.ts';

/** From the tests of Apache Kafka's own `Utils.murmur2`. */
test.each([
  ['21', -973_932_308],
  ['foobar', -790_332_482],
  ['a-little-bit-long-string', -985_981_536],
  ['a-little-bit-longer-string', -1_486_304_829],
  ['lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8', -58_897_971],
  ['abc', 479_470_107],
])('the hash of %s is the one of the Java producer', (key, hash) => {
  expect(murmur2(Buffer.from(key))).toBe(hash);
});

test('a negative hash loses its sign bit, as in Java', () => {
  expect(javaPartition(Buffer.from('21'), 7)).toBe((-973_932_308 & 0x7fffffff) % 7);
});

test('a key may be a part of a larger buffer', () => {
  expect(murmur2(Buffer.from('xxfoobar').subarray(2))).toBe(-790_332_482);
});
