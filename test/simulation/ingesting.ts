import { withEnd } from '../../pipeline/completeness/ends.ts';
import { type GivenSource, ingestGiven } from '../../pipeline/ingest/given-sources.ts';
import { ingest } from '../../pipeline/ingest/ingest.ts';
import type { Warehouse } from '../../pipeline/ingest/warehouse.ts';
import { partitionName } from '../../pipeline/partition.ts';
import { at } from '../support/event-batches.ts';
import { type Budget, givenUnit } from './given-units.ts';
import type { Law } from './law.ts';
import type { Mistake } from './mistake.ts';
import { partitionsOfUnit } from './operations.ts';
import { override } from './override.ts';
import type { SimulatedService } from './service.ts';
import { partitionOf, type World } from './world.ts';

interface Ingesting {
  readonly world: World;
  readonly law: Law;
  readonly mistake: Mistake;
  readonly service: Pick<SimulatedService, 'warehouse' | 'watched'>;
}

interface Ingested {
  readonly units: readonly number[];
  /** It is interrupted after so many records. */
  readonly records: number;
  /** The tick of `--covers-until`; null without it. */
  readonly coversUntil: number | null;
}

/** Runs `ingest` over files and the log folder, to its end or until it is interrupted. */
export async function ingestUnits(ingesting: Ingesting, { units, records, coversUntil }: Ingested): Promise<void> {
  const { world, law, mistake } = ingesting;
  // The command refuses a declaration that is later than now.
  const until = coversUntil === null ? null : Math.min(coversUntil, world.storeNow);
  world.say(() => {
    const declared = until === null ? '' : ` --covers-until ${until}`;
    return `ingest ${units.map(unit => (unit === 0 ? 'folder' : `file-${unit - 1}`)).join(' ')}${declared}`;
  });
  law.ingestBegins(units);
  const budget: Budget = { records, interruption: new AbortController() };
  const given = units.map(unit => givenUnit(unit, ingesting, budget));
  const groups = mistake.seams?.includes('sources are recorded one by one') ? given.map(each => [each]) : [given];
  let isFinished = true;
  for (const group of groups) {
    const { signal } = budget.interruption;
    // A process that dies between two sources.
    const isDead = signal.aborted || (group !== groups[0] && budget.records <= 0);
    isFinished = isFinished && !isDead && (await readGiven(ingesting, group, { signal, until })).isFinished;
  }
  if (mistake.seams?.includes('an unfinished ingest has ended')) await endAll(ingesting, units);
  if (isFinished && until !== null) law.covers(until);
  world.say(() => (isFinished ? 'ingest has read all' : 'ingest has not read all'));
}

function readGiven(
  { service, mistake, world }: Ingesting,
  group: readonly GivenSource[],
  { signal, until }: { readonly signal: AbortSignal; readonly until: number | null },
) {
  const marksNothing = mistake.seams?.includes('ingest marks nothing') ?? false;
  const warehouse = marksNothing ? unmarked(service.warehouse, service) : service.warehouse;
  const isTimeless = mistake.seams?.includes('the clock stands still at the end of time');
  const clock = { now: () => at(isTimeless ? 1e9 : world.storeNow) };
  return ingestGiven(group, {
    ...{ warehouse, clock, signal, coversUntil: until === null ? null : at(until) },
    read: async ({ source }, onStored) => {
      await ingest(source, warehouse, {
        keyFormat: 'string',
        clock,
        signal,
        onStored({ batches }) {
          for (const { facts } of batches) onStored(facts.partition);
        },
      });
    },
  });
}

/** The store without its watch while a batch is stored; only for the mistake that does so. */
function unmarked(warehouse: Warehouse, { watched }: { readonly watched: ReadonlyMap<string, () => void> }): Warehouse {
  return override(warehouse, {
    async store(batch) {
      for (const id of watched.keys()) warehouse.unwatch(id);
      try {
        return await warehouse.store(batch);
      } finally {
        for (const watch of watched.values()) watch();
      }
    },
  });
}

async function endAll({ service }: Ingesting, units: readonly number[]): Promise<void> {
  const known = service.warehouse.sources().partitions;
  const partitions = units.flatMap(partitionsOfUnit).map(partitionOf);
  const ended = partitions.filter(partition => known.has(partitionName(partition)));
  await service.warehouse.record(sources => withEnd(sources, ended, { by: 'ingest' }));
}
