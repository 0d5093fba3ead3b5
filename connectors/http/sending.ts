import { once } from 'node:events';
import { PassThrough } from 'node:stream';
import type { FastifyReply } from 'fastify';
import type { Log } from '../../pipeline/ports.ts';
import { Pace, type Patience } from './patience.ts';

/** What is written while it is read from the database; it holds one of the few turns until it is closed. */
export interface Reading {
  write(sink: (bytes: Uint8Array) => Promise<void>): Promise<unknown>;
  /** Makes a `write` that is under way fail soon. */
  interrupt(): void;
  close(): Promise<void>;
}

interface SendOptions {
  /** Who is slower is cut off, so that it does not hold its turn for ever. */
  readonly patience: Patience;
  readonly log: Log;
}

/**
 * Sends what is read as fast as the client takes it. A client that goes away, stalls or trickles ends the query; a query
 * that fails cuts the connection, so that no client takes half an answer for a whole one.
 */
export class Sendings {
  readonly #options: SendOptions;
  readonly #underWay = new Map<PassThrough, Promise<void>>();

  constructor(options: SendOptions) {
    this.#options = options;
  }

  send(reply: FastifyReply, reading: Reading): FastifyReply {
    const { patience, log } = this.#options;
    const pace = new Pace(patience);
    const body = new PassThrough();
    const gone = new AbortController();
    body.once('close', () => {
      if (body.writableFinished) return;
      gone.abort();
      reading.interrupt();
    });
    const write = async (bytes: Uint8Array): Promise<void> => {
      gone.signal.throwIfAborted();
      const waitedMs = body.write(bytes) ? 0 : await drained(body, gone.signal, patience);
      pace.took(bytes.length, waitedMs);
    };
    const sent = carry(reading, write)
      .then(() => void body.end())
      .catch(error => {
        if (!gone.signal.aborted)
          log.warn({ request_id: reply.request.id, reason: String(error) }, 'a stream was cut off');
        body.destroy();
        reply.raw.destroy();
      })
      .finally(() => this.#underWay.delete(body));
    this.#underWay.set(body, sent);
    return reply.type('application/json; charset=utf-8').send(body);
  }

  /** Cuts all off, and resolves when the database is not read any more. */
  async stop(): Promise<void> {
    const all = [...this.#underWay];
    for (const [body] of all) body.destroy();
    await Promise.all(all.map(([, sent]) => sent));
  }
}

async function carry(reading: Reading, write: Parameters<Reading['write']>[0]): Promise<void> {
  try {
    await reading.write(write);
  } finally {
    await reading.close();
  }
}

/** How long the client took to take what there was. */
async function drained(body: PassThrough, gone: AbortSignal, { stallMs }: Patience): Promise<number> {
  const began = performance.now();
  const stalled = AbortSignal.timeout(stallMs);
  try {
    await once(body, 'drain', { signal: AbortSignal.any([gone, stalled]) });
    return performance.now() - began;
  } catch (cause) {
    throw stalled.aborted ? new Error(`the client took nothing in ${stallMs} ms`, { cause }) : cause;
  }
}
