import type { Socket } from 'node:net';
import type { Refusal } from './answers.ts';

const statuses: Readonly<Record<string, readonly [status: number, phrase: string, message: string]>> = {
  HPE_HEADER_OVERFLOW: [431, 'Request Header Fields Too Large', 'the address and headers are longer than 16 KiB'],
  ERR_HTTP_REQUEST_TIMEOUT: [408, 'Request Timeout', 'the request was not sent in time'],
};

/** Answers what is no HTTP, and so never becomes a request, in the shape of all refusals. */
export function refuseBrokenRequests(error: Error & { readonly code?: string }, socket: Socket): void {
  const [status, phrase, message] = statuses[error.code ?? ''] ?? [400, 'Bad Request', 'this is no HTTP request'];
  const body = JSON.stringify({ message, exception: 'REQUEST_INVALID', code: status } satisfies Refusal);
  if (!socket.writable) return;
  const head = `HTTP/1.1 ${status} ${phrase}\r\nContent-Type: application/json; charset=utf-8\r\nContent-Length: ${Buffer.byteLength(body)}`;
  socket.end(`${head}\r\nConnection: close\r\n\r\n${body}`, () => socket.destroy());
}
