import type { GivenSource } from '../../pipeline/ingest/given-sources.ts';
import { partitionName } from '../../pipeline/partition.ts';
import type { RecordBatch } from '../../pipeline/ports.ts';
import { recordOf } from '../support/event-batches.ts';
import type { Mistake } from './mistake.ts';
import { partitionsOfUnit } from './operations.ts';
import type { ReadPart } from './simulated-log.ts';
import { kindOf, partitionOf, type World } from './world.ts';

/** How many more records an `ingest` reads before it is interrupted. */
export interface Budget {
  records: number;
  readonly interruption: AbortController;
}

/** A file or the log folder as `ingest` is given it. */
export function givenUnit(
  unit: number,
  { world, mistake }: { world: World; mistake: Mistake },
  budget: Budget,
): GivenSource {
  const numbers = partitionsOfUnit(unit).filter(number => unit === 0 || world.log(number).records.length > 0);
  const kind = unit === 0 ? 'folder' : 'file';
  let isUnfinished = false;
  return {
    ...{ kind, path: kind === 'folder' ? 'folder' : `file-${unit - 1}` },
    partitions: async () => numbers.map(partitionOf),
    isUnfinished: () => isUnfinished,
    source: {
      async *read(stored) {
        for (const number of numbers) {
          const log = world.log(number);
          const name = partitionName(partitionOf(number));
          const position = stored.find(({ partition }) => partitionName(partition) === name)?.nextOffset ?? log.low;
          const part = budget.records > 0 ? log.read(position, budget.records) : null;
          if (part !== null) yield batchOf(number, part);
          budget.records -= part?.records.length ?? 0;
          const reached = part?.next ?? position;
          if (reached < log.stable) return budget.interruption.abort();
          if (reached < log.high && !mistake.seams?.includes('an open folder has ended')) isUnfinished = true;
        }
      },
    },
  };
}

/** A part of a log as a source yields it. */
export function batchOf(number: number, { from, next, lost, records }: ReadPart): RecordBatch {
  return {
    ...{ partition: partitionOf(number), kind: kindOf(number), origin: partitionOf(number).topic, bytesRead: 0, from },
    records: records.map(recordOf),
    next: { nextOffset: next, bookmark: null },
    ...(lost === null ? {} : { lost }),
  };
}
