import type { FailureCode } from './errors.ts';

/**
 * Codes whose messages are about the client's own request, so that the client may read them. All other messages may name
 * the service's disk, database or brokers, so they go to the log only.
 */
const readableCodes: ReadonlySet<string> = new Set<FailureCode>([
  'REQUEST_INVALID',
  'REQUEST_CONFLICT',
  'PREFIX_REFUSED',
  'REQUEST_UNKNOWN',
  'REQUEST_ENDED',
  'REQUEST_UNFINISHED',
  'UNAUTHORIZED',
  'FORBIDDEN',
  'RATE_LIMITED',
  'SERVICE_UNKNOWN',
  'PARTITION_UNKNOWN',
  'PARTITION_READ',
  'FILE_GONE',
  'STREAM_TOO_LARGE',
  'QUEUE_FULL',
  'CANCELLED',
  'TOO_MANY_COLUMNS',
  'REPLAY_FAILED',
  'OUT_OF_MEMORY',
  'INTERRUPTED',
]);

/** Messages that replace those of other codes. A code in neither list gets a general sentence. */
const replacements: Readonly<Partial<Record<string, string>>> = {
  DISK_FULL: 'no space is left on the disk of the service',
  EXPORT_ROOT_GONE: 'the folder of the exports is not there at the moment; send the request again later',
  NOT_WRITABLE: 'the service has no permission to write its exports',
  NAME_TAKEN: 'a file of that name appeared meanwhile; send the request again with a new request id',
};

/**
 * The message of a failure as a client may read it. `roots` are the spellings of the export root; they are replaced, as
 * no client needs to know where exports lie on the service's machine.
 */
export function clientMessage(
  { code, message }: { readonly code: string; readonly message: string },
  roots: readonly string[],
): string {
  if (!readableCodes.has(code)) return replacements[code] ?? `the service failed (${code}); its log says why`;
  // The longest first: one spelling may lie in another.
  const longestFirst = roots.toSorted((one, other) => other.length - one.length);
  return longestFirst.reduce((text, root) => text.replaceAll(root, '<export root>'), message);
}
