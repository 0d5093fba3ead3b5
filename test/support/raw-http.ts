import { once } from 'node:events';
import net from 'node:net';

/** An answer as it came over the wire. */
export interface RawAnswer {
  readonly status: number;
  readonly headers: ReadonlyMap<string, string>;
  readonly body: string;
}

/**
 * Sends exactly these lines, with CR LF between, on a connection of its own, and reads until the server closes it: no
 * client library mends or refuses what is sent. Lines after the first empty one are the body.
 */
export async function sendRaw(url: string, lines: readonly string[]): Promise<RawAnswer> {
  const { hostname, port } = new URL(url);
  const socket = net.connect({ host: hostname, port: Number(port) });
  await once(socket, 'connect');
  socket.write(lines.join('\r\n'), 'latin1');
  const parts: Buffer[] = [];
  for await (const part of socket) parts.push(part as Buffer);
  return answerOf(Buffer.concat(parts).toString());
}

function answerOf(text: string): RawAnswer {
  const headEnd = text.indexOf('\r\n\r\n');
  const [first = '', ...head] = text.slice(0, headEnd).split('\r\n');
  const headers = head.map(line => [line.slice(0, line.indexOf(':')).toLowerCase(), line.slice(line.indexOf(':') + 2)]);
  const body = text.slice(headEnd + 4);
  return { status: Number(first.split(' ')[1]), headers: new Map(headers as [string, string][]), body };
}

/** The lines of a request without a body. */
export function request(line: string, ...headers: readonly string[]): readonly string[] {
  return [`${line} HTTP/1.1`, 'Host: localhost', 'Connection: close', ...headers, '', ''];
}
