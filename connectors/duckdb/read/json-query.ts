import { type Entity, entities } from '../../../schemas/events/events.ts';
import { jsonLines } from '../../../schemas/exports/file-rows.ts';
import { orderedSlice, type Slice } from '../../../schemas/exports/row-addresses.ts';
import { quoteText } from '../../../schemas/tables/sql.ts';
import type { ApartExtensions } from './apart-extensions.ts';
import { type ApartForm, ApartInsertion, jsonObject } from './apart-insertion.ts';
import type { FilePlan } from './file-plan.ts';
import type { LocatedRows } from './located-rows.ts';
import { RankedLines } from './ranked-lines.ts';
import { ServiceAssembler } from './service-assembler.ts';
import { planSlices, type Slicing } from './slice-plan.ts';
import { cutSlices } from './slices.ts';

/** Writes one column as it is, without quotes: JSON on one line holds no line break. */
const lineOptions = "QUOTE '', ESCAPE '', DELIMITER ''";

interface JsonPlanning {
  readonly located: LocatedRows;
  readonly slicing: Slicing;
  readonly format: 'json' | 'ndjson';
  /** The beginning of the paths of scratch files, which hold the lines of states and tasks. */
  readonly scratchPath: string;
}

/**
 * Plans the JSON or NDJSON file. DuckDB writes each row's own JSON in file order. The lines of states and tasks go to
 * scratch files beside the database, and are inserted into the lines of their services as these arrive.
 */
export function planJson(planning: JsonPlanning): FilePlan {
  const { format, located, scratchPath } = planning;
  const insertion = entities.some(entity => located.apart.has(entity))
    ? new ApartInsertion(located.apart, jsonForm(located.apart), scratchPath)
    : null;
  const scratch = { state: new RankedLines(), task: new RankedLines() };
  return {
    isEmpty: planning.located.counts.service === 0,
    head: format === 'json' ? '[\n' : '',
    queries: () => sliceQueries(planning, scratch, insertion),
    tail: format === 'json' ? ']\n' : '',
    copyOptions: lineOptions,
    columns: [],
    valuesLeftOut: 0,
    transform: new ServiceAssembler({
      separator: format === 'json' ? ',\n' : '\n',
      states: scratch.state,
      tasks: scratch.task,
    }),
    insertion,
    release: () => {
      insertion?.release();
      scratch.state.close();
      scratch.task.close();
    },
  };
}

function jsonForm({ placeholder }: ApartExtensions): ApartForm {
  return { before: `{"${placeholder}":`, after: '}', render: jsonObject };
}

type ScratchLines = Readonly<Record<'state' | 'task', RankedLines>>;

/** Yields a query of services for each slice, after writing the slice's states and tasks to scratch files. */
async function* sliceQueries(
  { located, slicing, scratchPath }: JsonPlanning,
  scratch: ScratchLines,
  insertion: ApartInsertion | null,
): AsyncGenerator<string> {
  const slices = await cutAllFiles(located, slicing);
  for (const [index, services] of slices.service.entries()) {
    for (const entity of ['state', 'task'] as const) {
      await insertion?.prepare(entity, slices[entity][index]!);
      const lines = sliceLines(entity, slices[entity][index]!);
      if (lines === null) continue;
      const path = `${scratchPath}.${entity}-${index}`;
      await located.connection.run(`COPY (${lines}) TO ${quoteText(path)} (FORMAT csv, HEADER false, ${lineOptions})`);
      scratch[entity].add(path);
    }
    await insertion?.prepare('service', services);
    const query = sliceLines('service', services);
    if (query !== null) yield query;
  }
}

function sliceLines(entity: Entity, slice: Slice): string | null {
  const rows = orderedSlice(entity, slice, 'object');
  return rows === null ? null : jsonLines(entity, rows, slice.hasLongTexts ? 'any' : 'short');
}

/** The slices of all three entities, cut at the same services. */
async function cutAllFiles(located: LocatedRows, slicing: Slicing): Promise<Record<Entity, readonly Slice[]>> {
  const plan = await planSlices(located, slicing, entities);
  return {
    service: await cutSlices(located, 'service', plan),
    state: await cutSlices(located, 'state', plan),
    task: await cutSlices(located, 'task', plan),
  };
}
