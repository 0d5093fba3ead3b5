import type { FastifyError, FastifyInstance } from 'fastify';
import { clientMessage } from '../../pipeline/client-message.ts';
import { TidemarkError } from '../../pipeline/errors.ts';
import type { Log } from '../../pipeline/ports.ts';

/** How every refusal looks: `exception` is a code of ours, `code` the HTTP status (contract, section 5). */
export interface Refusal {
  readonly message: string;
  readonly exception: string;
  readonly code: number;
}

interface Answering {
  readonly roots: readonly string[];
  readonly log: Log;
}

/** Gives every failure its status and its shape, also those of the protocol and of routes that are not there. */
export function addRefusals(server: FastifyInstance, { roots, log }: Answering): void {
  server.setErrorHandler(async (error: FastifyError | TidemarkError, request, reply) => {
    const refusal = refusalOf(error, roots);
    if (refusal.code >= 500)
      log.error({ request_id: request.id, exception: refusal.exception, reason: wordsOf(error) }, 'a request failed');
    if (refusal.code === 503) reply.header('retry-after', '5');
    return reply.code(refusal.code).type('application/json; charset=utf-8').send(refusal);
  });
  server.setNotFoundHandler(async (_request, reply) => {
    const message = 'there is nothing at this address; see /openapi.json';
    return reply.code(404).send({ message, exception: 'REQUEST_INVALID', code: 404 } satisfies Refusal);
  });
}

export function refusalOf(error: FastifyError | TidemarkError, roots: readonly string[]): Refusal {
  if (error instanceof TidemarkError)
    return { message: clientMessage(error, roots), exception: error.code, code: error.httpStatus };
  const status = error.statusCode ?? 500;
  if (status >= 400 && status < 500) return { message: error.message, exception: 'REQUEST_INVALID', code: status };
  return { message: 'the service failed; its log says why', exception: 'BUG', code: 500 };
}

/** A bug shows where it happened, in the log only. */
function wordsOf(error: Error): string {
  return error instanceof TidemarkError ? error.message : (error.stack ?? error.message);
}
