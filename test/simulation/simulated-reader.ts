import { foldBatch } from '../../pipeline/ingest/batch-folding.ts';
import type { Warehouse } from '../../pipeline/ingest/warehouse.ts';
import { partitionName } from '../../pipeline/partition.ts';
import type { Clock } from '../../pipeline/ports.ts';
import { batchOf } from './given-units.ts';
import type { Law } from './law.ts';
import type { Mistake } from './mistake.ts';
import type { ReadPart } from './simulated-log.ts';
import type { SimulatedSource } from './simulated-source.ts';
import { partitionOf, type World } from './world.ts';

interface ReaderParts {
  readonly world: World;
  readonly law: Law;
  readonly mistake: Mistake;
  readonly clock: Clock;
  readonly source: SimulatedSource;
  readonly warehouse: Warehouse;
  reportChanges(contradicted: readonly string[]): Promise<void>;
}

/** Reads the partitions that the group has given to this process, and stores what it read. */
export class SimulatedReader {
  readonly #parts: ReaderParts;

  constructor(parts: ReaderParts) {
    this.#parts = parts;
  }

  /** Reads the next records of a partition, at most so many, and stores them. */
  async consume(partition: number, records: number): Promise<void> {
    const { world, mistake, law, source } = this.#parts;
    const start = world.assigned.get(partition);
    if (start === undefined || !world.isFollowed) return;
    const position = this.#position(partition) ?? start;
    if (law.positions[partition] !== null && position <= world.log(partition).high) source.noteUnseen(partition);
    const part = world.log(partition).read(position, records);
    if (part === null) return;
    const afterLast = (part.records.at(-1)?.offset ?? Math.max(position, part.from) - 1) + 1;
    const next = mistake.seams?.includes('markers do not count as stored') ? afterLast : part.next;
    if (next !== position) await this.#store(partition, { ...part, next });
  }

  /** Skips the next record of a partition, as a reader does with a damaged batch. */
  async skip(partition: number): Promise<void> {
    const { world } = this.#parts;
    const log = world.log(partition);
    const position = this.#position(partition);
    if (position === null || !world.assigned.has(partition) || position < log.low || position >= log.stable) return;
    if (log.records[position]!.state !== 'committed') return;
    const lost = { from: position, to: position + 1, reason: 'damaged' };
    await this.#store(partition, { from: position + 1, next: position + 1, lost, records: [] });
  }

  #position(partition: number): number | null {
    const { partitions } = this.#parts.warehouse.sources();
    return partitions.get(partitionName(partitionOf(partition)))?.nextOffset ?? null;
  }

  async #store(partition: number, part: ReadPart): Promise<void> {
    const { clock, warehouse, reportChanges } = this.#parts;
    const folded = foldBatch(batchOf(partition, part), { keyFormat: 'string', clock });
    await reportChanges(await warehouse.store(folded));
  }
}
