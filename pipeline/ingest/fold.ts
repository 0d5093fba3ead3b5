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

/** The changes of one batch to one row. */
export interface Fragment {
  /** The last value of each column, by position in its table's `values`; undefined keeps the stored value. */
  readonly columns: (string | number | undefined)[];
  extensions: Map<string, JsonValue> | null;
}

/** The changes of one batch to one service: fragments of its own row and of its states and tasks, by their ids. */
export interface ServiceFragments {
  /** True when this batch deletes the service: stored rows are removed; the fragments here came after the deletion. */
  readonly deleted: boolean;
  readonly service: Map<string, Fragment>;
  readonly state: Map<string, Fragment>;
  readonly task: Map<string, Fragment>;
}

/**
 * Folds events into fragments in log order (contract 2.1, 2.2): an event sets the fields that it carries, absent fields
 * keep their value, a later event wins. The tables merge fragments by the same rule, so that any split of a log into
 * batches gives the same rows.
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

/** The columns that an event sets, as positions in the `values` of its entity's table. */
interface Effect {
  readonly entity: Entity;
  readonly fields: readonly number[];
  readonly occasion: readonly number[];
  /** Null where the event's time is not kept. */
  readonly time: number | null;
}

const effects: Readonly<Record<(Started | Associated | Completed)['kind'], Effect>> = {
  'service.started': effect('service', 'start', carriedFields('service.started', null)),
  // An association is no start: it sets the columns of the start side, but not the start time.
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

/** Merges extensions by name: a repeated name gets the new value and keeps its place. */
function extend(row: Fragment, extensions: Iterable<readonly [string, JsonValue]>): void {
  row.extensions ??= new Map();
  for (const [name, value] of extensions) row.extensions.set(name, value);
}
