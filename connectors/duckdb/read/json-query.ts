import { type Entity, entities } from '../../../schemas/events/events.ts';
import { linesOf } from '../../../schemas/exports/exports.ts';
import { orderedSlice, type Slice } from '../../../schemas/exports/row-addresses.ts';
import { quoteText } from '../../../schemas/sql.ts';
import type { FilePlan } from './file-plan.ts';
import type { PlacedRows } from './placed-rows.ts';
import { RankedLines } from './ranked-lines.ts';
import { ServiceAssembler } from './service-assembler.ts';
import { cutSlices, type Slicing, servicesPerSlice } from './slices.ts';

/** One column without quotes: every line is written as it is, for JSON text holds no line break. */
const lineOptions = "QUOTE '', ESCAPE '', DELIMITER ''";

interface JsonPlanning {
  readonly placed: PlacedRows;
  readonly slicing: Slicing;
  readonly format: 'json' | 'ndjson';
  /** What the names of files begin with in which the lines of states and tasks wait for their services. */
  readonly scratchPath: string;
}

/**
 * Plans the JSON or NDJSON file: DuckDB writes every row's own JSON in file order, states and tasks into files
 * beside the database, and the rows of a service are put together as bytes while the services come.
 */
export function planJson(planning: JsonPlanning): FilePlan {
  const { format } = planning;
  const waiting = { state: new RankedLines(), task: new RankedLines() };
  return {
    isEmpty: planning.placed.counts.service === 0,
    head: format === 'json' ? '[\n' : '',
    queries: () => sliceQueries(planning, waiting),
    tail: format === 'json' ? ']\n' : '',
    copyOptions: lineOptions,
    columns: [],
    valuesLeftOut: 0,
    transform: new ServiceAssembler({
      separator: format === 'json' ? ',\n' : '\n',
      states: waiting.state,
      tasks: waiting.task,
    }),
    release: () => {
      waiting.state.close();
      waiting.task.close();
    },
  };
}

type Waiting = Readonly<Record<'state' | 'task', RankedLines>>;

/** One query of services a slice; before it, the lines of the slice's states and tasks are laid ready. */
async function* sliceQueries({ placed, slicing, scratchPath }: JsonPlanning, waiting: Waiting): AsyncGenerator<string> {
  const slices = await cutAll(placed, slicing);
  for (const [index, services] of slices.service.entries()) {
    for (const entity of ['state', 'task'] as const) {
      const lines = sliceLines(entity, slices[entity][index]!);
      if (lines === null) continue;
      const path = `${scratchPath}.${entity}-${index}`;
      await placed.connection.run(`COPY (${lines}) TO ${quoteText(path)} (FORMAT csv, HEADER false, ${lineOptions})`);
      waiting[entity].add(path);
    }
    const query = sliceLines('service', services);
    if (query !== null) yield query;
  }
}

function sliceLines(entity: Entity, slice: Slice): string | null {
  const rows = orderedSlice(entity, slice, 'object');
  return rows === null ? null : linesOf(entity, rows);
}

/** The slices of all three tables, with the same borders between services. */
async function cutAll(placed: PlacedRows, slicing: Slicing): Promise<Record<Entity, readonly Slice[]>> {
  const cut = { servicesPerSlice: servicesPerSlice(placed, slicing, entities), slicing };
  return {
    service: await cutSlices(placed, { ...cut, entity: 'service' }),
    state: await cutSlices(placed, { ...cut, entity: 'state' }),
    task: await cutSlices(placed, { ...cut, entity: 'task' }),
  };
}
