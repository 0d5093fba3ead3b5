/**
 * Hashes a row's ids to 53 bits, which a JavaScript number and a BIGINT both hold exactly. Different rows may have the
 * same key: it narrows joins and feeds the filter of seen keys, but rows are compared by their ids. Two
 * multiply-xorshift lanes of 32 bits over UTF-16 units, mixed by MurmurHash3's finalizer.
 */
export function rowKey(text: string, seed: number): number {
  let low = 0x9e3779b9 ^ (seed | 0);
  let high = 0x85ebca6b ^ Math.floor(seed / 0x100000000);
  for (let at = 0; at < text.length; at += 1) {
    const unit = text.charCodeAt(at);
    low = Math.imul(low ^ unit, 0x85ebca77);
    high = Math.imul(high ^ unit, 0xc2b2ae3d);
    low ^= low >>> 15;
  }
  low = Math.imul(low ^ (low >>> 16), 0x85ebca6b) ^ Math.imul(high ^ (high >>> 13), 0xc2b2ae35);
  high = Math.imul(high ^ (high >>> 16), 0x85ebca6b) ^ Math.imul(low ^ (low >>> 13), 0xc2b2ae35);
  return (high & 0x1fffff) * 0x100000000 + (low >>> 0);
}
