import { entityTables } from '../../schemas/columns.ts';
import {
  type Associated,
  type Completed,
  carriedFields,
  type Entity,
  type Event,
  type EventContext,
  type FieldValues,
  occasionFields,
  type RowPart,
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
export interface ServiceFragments {
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
  readonly fragments = new Map<string, ServiceFragments>();

  apply(event: Event): void {
    switch (event.kind) {
      case 'service.deleted':
        this.fragments.set(event.service_id, newServiceFragments(true));
        break;
      case 'extension.updated':
        extend(this.#row(event.entity, event.service_id, event.id), [[event.name, event.value]]);
        break;
      case 'state.transitioned': {
        const { service_id, from, to, occasion, extensions } = event;
        this.#applyPart(transition.from, { service_id, ...from, occasion, extensions: null });
        this.#applyPart(transition.to, { service_id, ...to, occasion, extensions });
        const started = this.#row('state', service_id, to.id);
        started.columns[previousState] = from.id;
        break;
      }
      default:
        this.#applyPart(effects[event.kind], event);
    }
  }

  #applyPart(effect: Effect, part: RowPart & EventContext): void {
    const row = this.#row(effect.entity, part.service_id, part.id);
    set(row.columns, effect.fields, part.fields);
    set(row.columns, effect.occasion, part.occasion.values);
    const { timestamp } = part.occasion;
    if (effect.time !== null && timestamp !== null) row.columns[effect.time] = timestamp;
    if (part.extensions !== null) extend(row, part.extensions);
  }

  #row(entity: Entity, serviceId: string, id: string): Fragment {
    let service = this.fragments.get(serviceId);
    if (service === undefined) {
      service = newServiceFragments(false);
      this.fragments.set(serviceId, service);
    }
    let row = service[entity].get(id);
    if (row === undefined) {
      row = { columns: new Array(entityTables[entity].values.length), extensions: null };
      service[entity].set(id, row);
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

function newServiceFragments(deleted: boolean): ServiceFragments {
  return { deleted, service: new Map(), state: new Map(), task: new Map() };
}

/** Extensions merge by name; a name's whole value is replaced, its place among the names stays. */
function extend(row: Fragment, extensions: Iterable<readonly [string, JsonValue]>): void {
  row.extensions ??= new Map();
  for (const [name, value] of extensions) row.extensions.set(name, value);
}
