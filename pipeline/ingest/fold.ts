import { entityTables } from '../../schemas/columns.ts';
import {
  type Associated,
  type Carried,
  type Completed,
  carriedFields,
  type Entity,
  type Event,
  type FieldValues,
  occasionFields,
  type Said,
  type Started,
} from '../../schemas/events/events.ts';
import type { JsonValue } from '../../schemas/json/json.ts';

/** What one batch says of one row. */
export interface Fragment {
  /** The last value of each column, by position in its table's `values`; undefined keeps what the table holds. */
  readonly columns: (string | number | undefined)[];
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
        const { service_id, from, to, occasion, extensions } = event;
        this.#say(transition.from, { service_id, ...from, occasion, extensions: null });
        this.#say(transition.to, { service_id, ...to, occasion, extensions });
        const started = this.#row('state', service_id, to.id);
        started.columns[previousState] = from.id;
        break;
      }
      default:
        this.#say(effects[event.kind], event);
    }
  }

  #say(effect: Effect, said: Said & Carried): void {
    const row = this.#row(effect.entity, said.service_id, said.id);
    set(row.columns, effect.fields, said.fields);
    set(row.columns, effect.occasion, said.occasion.values);
    const { timestamp } = said.occasion;
    if (effect.time !== null && timestamp !== null) row.columns[effect.time] = timestamp;
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
      row = { columns: new Array(entityTables[entity].values.length), extensions: null };
      family[entity].set(id, row);
    }
    return row;
  }
}

/** Where what an event says goes: positions of columns in the values of its entity's table. */
interface Effect {
  readonly entity: Entity;
  readonly fields: readonly number[];
  readonly occasion: readonly number[];
  /** Null where the event's time is not kept. */
  readonly time: number | null;
}

const effects: Readonly<Record<(Started | Associated | Completed)['kind'], Effect>> = {
  'service.started': effect('service', 'start', carriedFields('service.started', null)),
  // It is no start: what it carries sets the start side, but its time is not kept.
  'service.associated': { ...effect('service', 'start', carriedFields('service.associated', null)), time: null },
  'service.completed': effect('service', 'end', carriedFields('service.completed', null)),
  'state.started': effect('state', 'start', carriedFields('state.started', null)),
  'state.completed': effect('state', 'end', carriedFields('state.completed', null)),
  'task.started': effect('task', 'start', carriedFields('task.started', null)),
  'task.completed': effect('task', 'end', carriedFields('task.completed', null)),
};

const transition = {
  from: effect('state', 'end', carriedFields('state.transitioned', 'from')),
  to: effect('state', 'start', carriedFields('state.transitioned', 'to')),
};

const previousState = entityTables.state.values.indexOf('previous_state_id');

function effect(entity: Entity, side: 'start' | 'end', fields: readonly string[]): Effect {
  const position = (column: string): number => entityTables[entity].values.indexOf(column);
  return {
    entity,
    fields: fields.map(position),
    occasion: occasionFields.map(field => position(`${side}_${field}`)),
    time: position(`${side}_timestamp`),
  };
}

function set(columns: Fragment['columns'], positions: readonly number[], values: FieldValues): void {
  for (let index = 0; index < positions.length; index += 1) {
    const value = values[index];
    if (value !== undefined) columns[positions[index]!] = value;
  }
}

function newFamily(deleted: boolean): Family {
  return { deleted, service: new Map(), state: new Map(), task: new Map() };
}

/** Extensions merge by name; a name's whole value is replaced, its place among the names stays. */
function extend(row: Fragment, extensions: Iterable<readonly [string, JsonValue]>): void {
  row.extensions ??= new Map();
  for (const [name, value] of extensions) row.extensions.set(name, value);
}
