/** Which bytes of a content are asked for: `[from, to]`, all, or such as it does not have. */
type ByteRange = { readonly from: number; readonly to: number } | 'all' | 'none';

/**
 * What a `Range` header asks for of a content of so many bytes. Several ranges at once, and what cannot be read, are
 * answered with all, as RFC 9110 allows.
 */
export function byteRange(header: string | undefined, bytes: number): ByteRange {
  const [, first = '', last = ''] = /^bytes= *(\d*)-(\d*) *$/.exec(header ?? '') ?? [];
  if (first === '' && last === '') return 'all';
  const from = first === '' ? Math.max(bytes - Number(last), 0) : Number(first);
  const to = first === '' || last === '' ? bytes - 1 : Math.min(Number(last), bytes - 1);
  if (first !== '' && last !== '' && Number(last) < Number(first)) return 'all';
  return from > to ? 'none' : { from, to };
}

/** True when an `If-None-Match` or `If-Range` header names the entity tag, weakly or not. */
export function namesTag(header: string | undefined, tag: string): boolean {
  if (header === undefined) return false;
  const tags = header.split(',').map(given => given.trim().replace(/^W\//, ''));
  return tags.includes('*') || tags.includes(tag);
}
