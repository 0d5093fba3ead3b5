import Fastify, { type FastifyInstance } from 'fastify';
import { hasSystemCode, TidemarkError } from '../../pipeline/errors.ts';
import { addOperations, type Operations } from './operations-door.ts';

export interface HttpOptions {
  readonly host: string;
  /** 0 takes a free one. */
  readonly port: number;
  readonly operations: Operations;
}

/** A listening server; `url` is where it is reached. */
export interface HttpServer {
  readonly url: string;
  close(): Promise<void>;
}

/** Opens the HTTP door. Throws `CONFIG_INVALID` when the address is taken, or none of this machine's. */
export async function openHttpServer({ host, port, operations }: HttpOptions): Promise<HttpServer> {
  const server: FastifyInstance = Fastify({ forceCloseConnections: true });
  addOperations(server, operations);
  try {
    const url = await server.listen({ host, port });
    return { url, close: () => server.close() };
  } catch (cause) {
    if (!hasSystemCode(cause, 'EADDRINUSE', 'EADDRNOTAVAIL', 'EACCES', 'ENOTFOUND')) throw cause;
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new TidemarkError(
      'CONFIG_INVALID',
      `cannot listen on ${host}:${port}: ${reason}; set http_host and http_port`,
      {
        cause,
      },
    );
  }
}
