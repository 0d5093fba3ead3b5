import type { FastifyRequest, FastifySchemaValidationError } from 'fastify';
import type { Fault } from '../../pipeline/export/parameters.ts';
import { utf8Text } from '../../pipeline/requests/request-id.ts';
import { faultsOf, isRepeated } from './queries.ts';

/** The header that carries the id of a request. */
export const idempotencyHeaders = {
  type: 'object',
  properties: {
    'idempotency-key': {
      type: 'string',
      description: 'the request id; a repeated request with the same id has the same result',
    },
  },
} as const;

/** The faults that only HTTP has: repeated parameters and a body. Whoever accepts the request finds all others again. */
export function httpFaults({ validationError, body }: FastifyRequest): Fault[] {
  const found = (validationError?.validation ?? []) as readonly FastifySchemaValidationError[];
  const faults = [...faultsOf(found.filter(isRepeated))];
  if (body !== undefined)
    faults.push({ parameter: 'body', message: 'the body is not empty; parameters go into the query' });
  return faults;
}

/**
 * The id in `Idempotency-Key`, or the id that this HTTP request has in the log. Adds a fault for a header that is repeated
 * or not UTF-8; whoever accepts the request finds the other faults of an id.
 */
export function requestIdOf({ raw, id }: FastifyRequest, faults: Fault[]): string {
  const [key, ...more] = raw.headersDistinct['idempotency-key'] ?? [id];
  // Node makes one character of each byte of a header.
  const text = key === undefined || more.length > 0 ? undefined : utf8Text(Buffer.from(key, 'latin1'));
  if (text !== undefined) return text;
  faults.push({ parameter: 'Idempotency-Key', message: 'Idempotency-Key is invalid; allowed is one header in UTF-8' });
  return id;
}
