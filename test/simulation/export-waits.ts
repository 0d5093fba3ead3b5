import type { LogWatch } from '../../ops/service/log-watch.ts';
import type { Lateness, Sources } from '../../pipeline/completeness/sources.ts';
import { type LogView, type WaitOutcome, waitForLog, withoutLog } from '../../pipeline/export/log-wait.ts';
import type { ExportRecord } from '../../pipeline/export/request.ts';
import type { Gates } from './gates.ts';
import type { Law } from './law.ts';
import type { SimulatedSource } from './simulated-source.ts';
import type { World } from './world.ts';

interface WaitParts {
  readonly world: World;
  readonly law: Law;
  readonly gates: Gates;
  readonly source: SimulatedSource;
  readonly watch: LogWatch;
  readonly lateness: Lateness;
  readonly sources: () => Sources;
}

/** The real waits of exports, which look whether they have waited enough only when an operation says so. */
export class ExportWaits {
  readonly #parts: WaitParts;
  readonly #gaveUp = new Set<string>();

  constructor(parts: WaitParts) {
    this.#parts = parts;
  }

  /** The time of an export is up. */
  giveUp(requestId: string): void {
    this.#gaveUp.add(requestId);
    this.#parts.gates.open(`step ${requestId}`);
  }

  async wait(record: ExportRecord, signal: AbortSignal): Promise<WaitOutcome> {
    const { requestId } = record;
    const { world, lateness, gates } = this.#parts;
    await gates.pass(`step ${requestId}`, signal);
    signal.throwIfAborted();
    if (!world.isFollowed) return withoutLog.wait();
    return waitForLog(
      record,
      {
        ...{ lateness, skewMs: world.setting.skewMs, log: this.#viewOf(requestId), waitMs: 1 },
        clock: { now: () => (this.#gaveUp.has(requestId) ? Number.POSITIVE_INFINITY : 0) },
        pause: (_, until) => gates.pass(`step ${requestId}`, until),
      },
      signal,
    );
  }

  #viewOf(requestId: string): LogView {
    const { law, gates, source, watch, sources } = this.#parts;
    return {
      sources,
      async look() {
        const look = await watch.look();
        law.exports.get(requestId)!.lookedStable = source.stableAt(look);
        return look;
      },
      // That a batch was stored is seen at the next step.
      nextBatch: signal => gates.pass('never', signal),
    };
  }
}
