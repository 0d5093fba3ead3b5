import { once } from 'node:events';
import { PassThrough } from 'node:stream';
import type { FastifyReply } from 'fastify';
import { codeOf } from '../../pipeline/errors.ts';
import type { ByteSink, Log } from '../../pipeline/ports.ts';
import { ReceiveRate, type SlowClientLimits, tooSlow } from './slow-clients.ts';

/** A query whose result is written while it is read from the database. It holds one of the few snapshots until it is closed. */
export interface StreamedQuery {
  write(sink: ByteSink): Promise<unknown>;
  /** Makes a running `write` fail soon. */
  interrupt(): void;
  close(): Promise<void>;
}

interface StreamOptions {
  readonly slowClients: SlowClientLimits;
  readonly log: Log;
}

/**
 * Sends the results of queries as fast as the clients receive them. When a client disconnects or is too slow, its query
 * ends. When a query fails, the connection is closed, so that no client mistakes the first part of an answer for the whole.
 */
export class ResponseStreams {
  readonly #options: StreamOptions;
  readonly #open = new Map<PassThrough, Promise<void>>();

  constructor(options: StreamOptions) {
    this.#options = options;
  }

  /** Sends the result of a query as the reply's JSON body, and closes the query. */
  send(reply: FastifyReply, query: StreamedQuery): FastifyReply {
    const { slowClients, log } = this.#options;
    const rate = new ReceiveRate(slowClients);
    const body = new PassThrough();
    const disconnected = new AbortController();
    body.once('close', () => {
      if (body.writableFinished) return;
      disconnected.abort();
      query.interrupt();
    });
    const write: ByteSink = async bytes => {
      disconnected.signal.throwIfAborted();
      const waitedMs = body.write(bytes) ? 0 : await drained(body, disconnected.signal, slowClients);
      rate.add(bytes.length, waitedMs);
    };
    const sent = writeAndClose(query, write)
      .then(() => void body.end())
      .catch(error => {
        if (!disconnected.signal.aborted)
          log.warn(
            { code: codeOf(error), request_id: reply.request.id, reason: String(error) },
            'a stream was cut off',
          );
        body.destroy();
        reply.raw.destroy();
      })
      .finally(() => this.#open.delete(body));
    this.#open.set(body, sent);
    return reply.type('application/json; charset=utf-8').send(body);
  }

  /** Cuts off all streams; resolves when no query reads the database any more. */
  async stop(): Promise<void> {
    const all = [...this.#open];
    for (const [body] of all) body.destroy();
    await Promise.all(all.map(([, sent]) => sent));
  }
}

async function writeAndClose(query: StreamedQuery, write: ByteSink): Promise<void> {
  try {
    await query.write(write);
  } finally {
    await query.close();
  }
}

/** Waits until the client has received what was written. Returns how long that took, in milliseconds. */
async function drained(body: PassThrough, disconnected: AbortSignal, { stallMs }: SlowClientLimits): Promise<number> {
  const began = performance.now();
  const stalled = AbortSignal.timeout(stallMs);
  try {
    await once(body, 'drain', { signal: AbortSignal.any([disconnected, stalled]) });
    return performance.now() - began;
  } catch (cause) {
    throw stalled.aborted ? tooSlow(`the client received nothing for ${stallMs} ms`, { cause }) : cause;
  }
}
