/** The bytes that a `Range` header selects: `[from, to]`, both inclusive; or `none` when they lie outside of the content. */
type ByteRange = { readonly from: number; readonly to: number } | 'all' | 'none';

/**
 * Returns the range that a `Range` header selects from a content of `bytes` bytes: `all` for several ranges and for a header
 * that cannot be read, as RFC 9110 allows.
 */
export function byteRange(header: string | undefined, bytes: number): ByteRange {
  const [, first = '', last = ''] = /^bytes= *(\d*)-(\d*) *$/.exec(header ?? '') ?? [];
  if (first === '' && last === '') return 'all';
  const from = first === '' ? Math.max(bytes - Number(last), 0) : Number(first);
  const to = first === '' || last === '' ? bytes - 1 : Math.min(Number(last), bytes - 1);
  if (first !== '' && last !== '' && Number(last) < Number(first)) return 'all';
  return from > to ? 'none' : { from, to };
}

/** Whether an `If-None-Match` or `If-Range` header contains the entity tag; a weak tag counts too. */
export function includesTag(header: string | undefined, tag: string): boolean {
  if (header === undefined) return false;
  const tags = header.split(',').map(each => each.trim().replace(/^W\//, ''));
  return tags.includes('*') || tags.includes(tag);
}

/** The value of `Content-Disposition` (RFC 6266): an ASCII name for old clients, and the true name for all others. */
export function attachment(name: string): string {
  const plain = name.replaceAll(/[^\x20-\x7e]|["\\%]/g, '_');
  const encoded = encodeURIComponent(name).replaceAll(/['()*]/g, sign => `%${sign.charCodeAt(0).toString(16)}`);
  return `attachment; filename="${plain}"; filename*=UTF-8''${encoded}`;
}
