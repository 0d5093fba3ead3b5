const mostBytes = 256;

const allowed = `allowed are 1 to ${mostBytes} bytes of UTF-8 without control characters, and neither . nor ..`;

/**
 * Why a text cannot be the id of a new request; null when it can (contract 5.3). Ids that are recorded already stay valid.
 */
export function requestIdFault(id: string): string | null {
  const isAllowed = id !== '' && id !== '.' && id !== '..' && !isLong(id) && !/\p{Cc}|\p{Cs}/u.test(id);
  return isAllowed ? null : `the request id ${JSON.stringify(shortId(id))} cannot be used; ${allowed}`;
}

/** The id as log lines and messages show it: ids of older versions can be of any length. */
export function shortId(id: string): string {
  return isLong(id) ? `${id.slice(0, 64)}… (${Buffer.byteLength(id)} bytes)` : id;
}

/** True for an id of an older version that no status can carry. */
export function isLong(id: string): boolean {
  return Buffer.byteLength(id) > mostBytes;
}

const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/** The text of bytes that a client sent, such as an id; undefined where they are not UTF-8. */
export function utf8Text(bytes: Uint8Array): string | undefined {
  try {
    return utf8.decode(bytes);
  } catch {
    return undefined;
  }
}
