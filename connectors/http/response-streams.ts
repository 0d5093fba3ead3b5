import { once } from 'node:events';
import { PassThrough } from 'node:stream';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { codeOf, TidemarkError } from '../../pipeline/errors.ts';
import type { ByteSink, Log } from '../../pipeline/ports.ts';
import { orAborted } from '../../pipeline/waiting.ts';
import { ReceiveRate, type SlowClientLimits, tooSlow } from './slow-clients.ts';
import { SpooledAnswer, type SpoolOptions, type StreamedQuery } from './spooled-answer.ts';

export interface StreamOptions {
  readonly slowClients: SlowClientLimits;
  readonly spool: SpoolOptions;
  /** How many streams may be made or sent at once. */
  readonly atOnce: number;
  readonly log: Log;
}

/**
 * Answers with the results of queries. Each result is first kept whole on disk, so that a client that reads slowly holds
 * neither a snapshot nor an export's place; then it is sent as fast as the client takes it. A client that is too slow is cut
 * off: the connection is closed, so that it does not mistake the first part for the whole.
 */
export class ResponseStreams {
  readonly #options: StreamOptions;
  /** What ends each stream that is being made. */
  readonly #making = new Set<AbortController>();
  readonly #sending = new Map<PassThrough, Promise<void>>();

  constructor(options: StreamOptions) {
    this.#options = options;
  }

  /**
   * Opens a query and sends its result as the reply's JSON body. Throws `QUEUE_FULL` when there are too many streams already,
   * what `open` throws, and what `SpooledAnswer.of` throws.
   */
  async answer(
    { raw }: FastifyRequest,
    reply: FastifyReply,
    open: () => Promise<StreamedQuery>,
  ): Promise<FastifyReply> {
    const { atOnce, spool } = this.#options;
    if (this.#making.size + this.#sending.size >= atOnce) throw tooMany(atOnce);
    const ended = new AbortController();
    const end = (): void => ended.abort(new TidemarkError('INTERRUPTED', 'the stream was ended before it was sent'));
    this.#making.add(ended);
    raw.socket.once('close', end);
    try {
      const query = await opened(open(), ended.signal);
      const answer = await SpooledAnswer.of(query, spool, ended.signal);
      if (!ended.signal.aborted) return this.#send(reply, answer);
      await answer.close();
      return reply.hijack();
    } catch (error) {
      // There is nobody to tell.
      if (raw.socket.destroyed) return reply.hijack();
      throw error;
    } finally {
      raw.socket.off('close', end);
      this.#making.delete(ended);
    }
  }

  #send(reply: FastifyReply, answer: SpooledAnswer): FastifyReply {
    const { slowClients, log } = this.#options;
    const rate = new ReceiveRate(slowClients);
    const body = new PassThrough();
    const disconnected = new AbortController();
    body.once('close', () => {
      if (!body.writableFinished) disconnected.abort();
    });
    const write: ByteSink = async bytes => {
      disconnected.signal.throwIfAborted();
      const waitedMs = body.write(bytes) ? 0 : await drained(body, disconnected.signal, slowClients);
      rate.add(bytes.length, waitedMs);
    };
    const sent = answer
      .write(write)
      .then(() => void body.end())
      .catch(error => {
        const facts = { code: codeOf(error), request_id: reply.request.id, reason: String(error) };
        if (!disconnected.signal.aborted) log.warn(facts, 'a stream was cut off');
        body.destroy();
        reply.raw.destroy();
      })
      .finally(async () => {
        this.#sending.delete(body);
        await answer.close();
      });
    this.#sending.set(body, sent);
    const type = 'application/json; charset=utf-8';
    return reply.type(type).header('content-length', answer.bytes).send(body);
  }

  /** Cuts off all streams; resolves when nothing is sent any more. */
  async stop(): Promise<void> {
    for (const making of this.#making)
      making.abort(new TidemarkError('INTERRUPTED', 'the service is stopping; send the request again'));
    const all = [...this.#sending];
    for (const [body] of all) body.destroy();
    await Promise.all(all.map(([, sent]) => sent));
  }
}

/** Waits for a query, which may wait for a snapshot. When the signal aborts before, the query is closed as soon as it is there. */
async function opened(opening: Promise<StreamedQuery>, signal: AbortSignal): Promise<StreamedQuery> {
  const query = await orAborted(signal, opening);
  if (query !== undefined) return query;
  opening.then(late => late.close()).catch(() => undefined);
  throw signal.reason;
}

function tooMany(atOnce: number): TidemarkError {
  const sentence = `${atOnce} streams are made or sent already, and streams_at_once allows no more; send the request again later`;
  return new TidemarkError('QUEUE_FULL', sentence);
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
