import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import type { FastifyError, FastifyInstance } from 'fastify';
import { clientMessage } from '../../pipeline/client-message.ts';
import { codeOf, TidemarkError } from '../../pipeline/errors.ts';
import type { Log } from '../../pipeline/ports.ts';

/** The body of every refusal: `exception` is a failure code of Tidemark, `code` the HTTP status (contract 5.15). */
export interface Refusal {
  readonly message: string;
  readonly exception: string;
  readonly code: number;
}

interface RefusalOptions {
  /** Spellings of the export root; no message shows them. */
  readonly roots: readonly string[];
  readonly log: Log;
}

/** Gives every failure its status and the common body, also protocol errors and unknown addresses. */
export function addRefusals(server: FastifyInstance, { roots, log }: RefusalOptions): void {
  server.setErrorHandler(async (error: FastifyError | TidemarkError, request, reply) => {
    const refusal = refusalOf(error, roots);
    if (refusal.code >= 500)
      log.error({ code: codeOf(error), request_id: request.id, reason: reasonOf(error) }, 'a request failed');
    if (refusal.code === 503) reply.header('retry-after', '5');
    return reply.code(refusal.code).type('application/json; charset=utf-8').send(refusal);
  });
  server.setNotFoundHandler(async (_request, reply) => {
    const message = 'no route has this address; see /openapi.json';
    return reply.code(404).send({ message, exception: 'REQUEST_INVALID', code: 404 } satisfies Refusal);
  });
}

/** The refusal for a failure. Its message shows nothing of the service's disk, database or brokers. */
export function refusalOf(error: FastifyError | TidemarkError, roots: readonly string[]): Refusal {
  if (error instanceof TidemarkError)
    return { message: clientMessage(error, roots), exception: error.code, code: error.httpStatus };
  const status = error.statusCode ?? 500;
  if (status >= 400 && status < 500) return { message: error.message, exception: 'REQUEST_INVALID', code: status };
  return { message: 'the service failed; its log says why', exception: 'BUG', code: 500 };
}

/** The reason for the log; for an unexpected error with its stack trace. */
function reasonOf(error: Error): string {
  return error instanceof TidemarkError ? error.message : (error.stack ?? error.message);
}

const statuses: Readonly<Record<string, readonly [status: number, phrase: string, message: string]>> = {
  HPE_HEADER_OVERFLOW: [431, 'Request Header Fields Too Large', 'the address and headers are longer than 16 KiB'],
  ERR_HTTP_REQUEST_TIMEOUT: [408, 'Request Timeout', 'the request was not sent in time'],
};

/** Throws `REQUEST_INVALID` when the header Host is missing, which HTTP/1.1 forbids. */
export function checkHost({ httpVersion, headers }: IncomingMessage): void {
  if (headers.host !== undefined || httpVersion !== '1.1') return;
  throw new TidemarkError('REQUEST_INVALID', 'the header Host is missing; a request of HTTP/1.1 needs one');
}

/** Answers a header Expect that Node does not know, and would answer without a body, with a refusal like all others. */
export function refuseExpectation({ headers }: IncomingMessage, response: ServerResponse): void {
  const message = `the header Expect is ${JSON.stringify(headers.expect)}; allowed is 100-continue`;
  const body = JSON.stringify({ message, exception: 'REQUEST_INVALID', code: 417 } satisfies Refusal);
  const type = { 'content-type': 'application/json; charset=utf-8', 'content-length': Buffer.byteLength(body) };
  response.writeHead(417, { ...type, connection: 'close' }).end(body);
}

/** Answers bytes that are not an HTTP request, which Fastify never sees, with a refusal like all others. */
export function refuseBrokenRequests(error: Error & { readonly code?: string }, socket: Socket): void {
  const [status, phrase, message] = statuses[error.code ?? ''] ?? [400, 'Bad Request', 'this is not an HTTP request'];
  const body = JSON.stringify({ message, exception: 'REQUEST_INVALID', code: status } satisfies Refusal);
  if (!socket.writable) return;
  const head = `HTTP/1.1 ${status} ${phrase}\r\nContent-Type: application/json; charset=utf-8\r\nContent-Length: ${Buffer.byteLength(body)}`;
  socket.end(`${head}\r\nConnection: close\r\n\r\n${body}`, () => socket.destroy());
}
