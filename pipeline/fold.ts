import {
  type Associated,
  type Carried,
  type Completed,
  type Entity,
  type Event,
  type OccasionField,
  occasionFields,
  type Said,
  type Started,
} from '../schemas/events.ts';
import type { JsonValue } from '../schemas/json.ts';

/** What one batch says of one row: the last value of each column it sets. Columns not named keep what the table holds. */
export interface Fragment {
  readonly columns: Record<string, string | number>;
  extensions: Map<string, JsonValue> | null;
}

/** What one batch says of one service: its own row and those of its states and tasks, by their ids. */
export interface Family {
  /** True when the service was deleted in this batch: what the tables hold goes, what is here came after. */
  readonly deleted: boolean;
  readonly service: Map<string, Fragment>;
  readonly state: Map<string, Fragment>;
  readonly task: Map<string, Fragment>;
}

/**
 * The left fold of events into fragments (contract, section 2): an event sets the fields it carries, absent ones keep
 * their value, the later in the log wins. Any split of a log into batches gives the same rows, because fragments meet
 * the tables by the same rule.
 */
export class Fold {
  readonly families = new Map<string, Family>();

  apply(event: Event): void {
    switch (event.kind) {
      case 'service.deleted':
        this.families.set(event.service_id, newFamily(true));
        break;
      case 'extension.updated':
        extend(this.#row(event.entity, event.service_id, event.id), [[event.name, event.value]]);
        break;
      case 'state.transitioned': {
        const { from, to } = event;
        this.#say(effects['state.completed'], { ...event, ...from, extensions: null });
        const fields = { ...to.fields, previous_state_id: from.id };
        this.#say(effects['state.started'], { ...event, id: to.id, fields });
        break;
      }
      default:
        this.#say(effects[event.kind], event);
    }
  }

  #say({ entity, side }: Effect, said: Said & Carried): void {
    const row = this.#row(entity, said.service_id, said.id);
    const { columns } = row;
    for (const name in said.fields) columns[name] = said.fields[name]!;
    for (const { field, column } of side.occasion) {
      const value = said.occasion[field];
      if (value !== undefined) columns[column] = value;
    }
    const { timestamp } = said.occasion;
    if (side.timestamp !== null && timestamp !== null) columns[side.timestamp] = timestamp;
    if (said.extensions !== null) extend(row, said.extensions);
  }

  #row(entity: Entity, serviceId: string, id: string): Fragment {
    let family = this.families.get(serviceId);
    if (family === undefined) {
      family = newFamily(false);
      this.families.set(serviceId, family);
    }
    let row = family[entity].get(id);
    if (row === undefined) {
      row = { columns: {}, extensions: null };
      family[entity].set(id, row);
    }
    return row;
  }
}

/** The columns that one side of a row keeps an occasion in; `timestamp` is null where the time is not kept. */
interface Side {
  readonly occasion: readonly { readonly field: OccasionField; readonly column: string }[];
  readonly timestamp: string | null;
}

interface Effect {
  readonly entity: Entity;
  readonly side: Side;
}

const startSide = sideOf('start');
const endSide = sideOf('end');

/** Which side of which row an event sets. */
const effects: Readonly<Record<(Started | Associated | Completed)['kind'], Effect>> = {
  'service.started': { entity: 'service', side: startSide },
  // It is no start: what it carries sets the start side, but its time is not kept.
  'service.associated': { entity: 'service', side: { ...startSide, timestamp: null } },
  'service.completed': { entity: 'service', side: endSide },
  'state.started': { entity: 'state', side: startSide },
  'state.completed': { entity: 'state', side: endSide },
  'task.started': { entity: 'task', side: startSide },
  'task.completed': { entity: 'task', side: endSide },
};

function sideOf(name: 'start' | 'end'): Side {
  return {
    occasion: occasionFields.map(field => ({ field, column: `${name}_${field}` })),
    timestamp: `${name}_timestamp`,
  };
}

function newFamily(deleted: boolean): Family {
  return { deleted, service: new Map(), state: new Map(), task: new Map() };
}

/** Extensions merge by name; a name's whole value is replaced, its place among the names stays. */
function extend(row: Fragment, extensions: Iterable<readonly [string, JsonValue]>): void {
  row.extensions ??= new Map();
  for (const [name, value] of extensions) row.extensions.set(name, value);
}
