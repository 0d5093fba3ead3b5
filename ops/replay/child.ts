import { writeFileSync } from 'node:fs';
import os from 'node:os';
import { TidemarkError } from '../../pipeline/errors.ts';
import type { StoredGroup } from '../../pipeline/ingest/ingest.ts';
import type { ReplayProgress } from '../../pipeline/requests/replay-request.ts';
import { type FromChild, failureOf, receivedConfig, type ToChild } from './child-messages.ts';
import { type PlannedReading, replayInto } from './replay-into.ts';

/**
 * The process that makes one replay of the service, so that the service keeps its memory and its event loop. It does what the
 * service tells it over the channel between them, and reports there. When the service is gone it ends at once: what it had stored
 * stays, and the next start of the service goes on from there.
 */

/** The process is at least as nice as this, in the numbers of `nice`. */
const niceness = 10;
/** Progress is told this often at most. */
const tellEveryMs = 500;

/** Counts what is stored. What earlier processes stored of the same replay is included. */
class Counts {
  #progress: ReplayProgress = { recordsRead: 0, records: null, bytes: 0, applied: 0, quarantined: 0 };
  #toldAt = 0;
  readonly #bytesBefore: number;

  constructor(bytesBefore: number) {
    this.#bytesBefore = bytesBefore;
  }

  get progress(): ReplayProgress {
    return this.#progress;
  }

  begin({ targets, stored: { partitions } }: PlannedReading): void {
    const stored = [...partitions.values()];
    const sum = (of: (source: (typeof stored)[number]) => number) => stored.reduce((all, each) => all + of(each), 0);
    this.#progress = {
      recordsRead: sum(({ recordsRead }) => recordsRead),
      records: targets.every(({ until }) => until !== null)
        ? targets.reduce((all, { from, until }) => all + (until ?? from) - from, 0)
        : null,
      // Where nothing is stored of it, the log is read from the beginning.
      bytes: stored.length === 0 ? 0 : this.#bytesBefore,
      applied: sum(({ applied }) => applied),
      quarantined: sum(({ quarantined }) => quarantined),
    };
    this.tell();
  }

  add({ batches }: StoredGroup): void {
    const { records, ...known } = this.#progress;
    const counted = batches.reduce(
      (all, { facts, bytesRead }) => ({
        recordsRead: all.recordsRead + facts.recordsRead,
        bytes: all.bytes + bytesRead,
        applied: all.applied + facts.applied,
        quarantined: all.quarantined + facts.quarantined,
      }),
      known,
    );
    this.#progress = { ...counted, records };
    if (performance.now() - this.#toldAt >= tellEveryMs) this.tell();
  }

  tell(): void {
    this.#toldAt = performance.now();
    send({ kind: 'progress', progress: this.#progress });
  }
}

function send(message: FromChild): void {
  process.send?.(message);
}

/** Tells the last message, and ends the process when the service has it. */
function endWith(message: FromChild): void {
  process.send?.(message, () => process.exit(0));
}

const stopping = new AbortController();

async function replay({ id, asked, bytesBefore, config: sent }: Extract<ToChild, { kind: 'start' }>): Promise<void> {
  const counts = new Counts(bytesBefore);
  try {
    await replayInto(asked, receivedConfig(sent), {
      id,
      signal: stopping.signal,
      notice: sentence => send({ kind: 'notice', sentence }),
      onPlan: plan => counts.begin(plan),
      onStored: stored => counts.add(stored),
    });
    counts.tell();
    if (stopping.signal.aborted)
      throw new TidemarkError('INTERRUPTED', 'the replay was stopped between two transactions; it goes on later');
    endWith({ kind: 'end', progress: counts.progress });
  } catch (error) {
    if (!(error instanceof TidemarkError)) throw error;
    endWith(failureOf(error));
  }
}

/** The service comes first wherever both want the processor. Of a service that is nicer still, the process stays so. */
function takeLowPriority(): void {
  try {
    os.setPriority(Math.max(os.getPriority(), niceness));
  } catch {
    // A system that forbids this decides by itself.
  }
}

/** When the machine runs out of memory, Linux ends this process and not the service. */
function endFirstWithoutMemory(): void {
  try {
    writeFileSync('/proc/self/oom_score_adj', '500');
  } catch {
    // A system without this file decides by itself.
  }
}

/**
 * Begins to listen to the service, which alone stops this process: whoever stops the service may send the same signal to all its
 * processes. Ended by SIGKILL, because a thread of a query may keep a process from exiting.
 */
function serveParent(): void {
  takeLowPriority();
  endFirstWithoutMemory();
  for (const name of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(name, () => undefined);
  process.on('message', (message: ToChild) => {
    if (message.kind === 'stop') stopping.abort();
    else
      void replay(message).catch(error => {
        console.error(error);
        process.exit(70);
      });
  });
  process.on('disconnect', () => process.kill(process.pid, 'SIGKILL'));
}

serveParent();
