import type { FailureCode } from './errors.ts';

/**
 * Failures whose words are for the client: they speak of its request. All others speak of our disk, our database or our
 * brokers, so that only the log gets their words.
 */
const told: ReadonlySet<string> = new Set<FailureCode>([
  'REQUEST_INVALID',
  'REQUEST_CONFLICT',
  'PREFIX_REFUSED',
  'REQUEST_UNKNOWN',
  'REQUEST_ENDED',
  'UNAUTHORIZED',
  'FORBIDDEN',
  'RATE_LIMITED',
  'SERVICE_UNKNOWN',
  'FILE_GONE',
  'QUEUE_FULL',
  'CANCELLED',
  'TOO_MANY_COLUMNS',
  'OUT_OF_MEMORY',
  'INTERRUPTED',
]);

const instead: Readonly<Partial<Record<string, string>>> = {
  DISK_FULL: 'no space is left on the disk of the service',
  NOT_WRITABLE: 'the service may not write where its exports go',
  NAME_TAKEN: 'a file of that name appeared meanwhile; ask again under a new request id',
};

/**
 * What a client may read of a failure, by whichever door. `roots` are the spellings of our export root, which is our own
 * affair.
 */
export function clientMessage(
  { code, message }: { readonly code: string; readonly message: string },
  roots: readonly string[],
): string {
  if (!told.has(code)) return instead[code] ?? `the service could not do it (${code}); its log says why`;
  // The longest first: one spelling may lie in another.
  const longestFirst = roots.toSorted((one, other) => other.length - one.length);
  return longestFirst.reduce((text, root) => text.replaceAll(root, '<export root>'), message);
}
