import type { JsonValue } from '../json/json.ts';

/**
 * What comes in: ten kinds of event, one closed union. Field names are those of the wire and of the tables.
 * Required and optional fields, and their order, are the table of the contract's section 1; the decoder reads it from here.
 */

export const entities = ['service', 'state', 'task'] as const;
export type Entity = (typeof entities)[number];

/** Who and where, at the moment of an event; `timestamp` stands apart because it is a number. In the contract's order. */
export const occasionFields = [
  'session_id',
  'interaction_id',
  'application_type',
  'application_id',
  'resource_type',
  'resource_id',
  'media_type',
] as const;

export interface Occasion {
  /** The event's time in milliseconds since 1970 UTC; null where the kind needs none and none was given. */
  readonly timestamp: number | null;
  /** By position in `occasionFields`; undefined where it is absent. */
  readonly values: readonly (string | undefined)[];
}

/** Extension values by name, in the order of the text. */
export type Extensions = ReadonlyMap<string, JsonValue>;

/** The fields an event carries besides ids, occasion and extensions, by position in `carriedFields` of its kind. */
export type FieldValues = readonly (string | number | undefined)[];

/** What an event says of one row, known by its own id (the service's, the state's or the task's). */
export interface RowPart {
  readonly id: string;
  readonly fields: FieldValues;
}

/** What an event says besides: where and when it happened, and free values by name. */
export interface EventContext {
  readonly service_id: string;
  readonly occasion: Occasion;
  readonly extensions: Extensions | null;
}

export type Started = RowPart & EventContext & { readonly kind: 'service.started' | 'state.started' | 'task.started' };
export type Associated = RowPart & EventContext & { readonly kind: 'service.associated' };
export type Completed = RowPart &
  EventContext & { readonly kind: 'service.completed' | 'state.completed' | 'task.completed' };
type Transitioned = EventContext & {
  readonly kind: 'state.transitioned';
  readonly from: RowPart;
  readonly to: RowPart;
};
interface Deleted {
  readonly kind: 'service.deleted';
  readonly service_id: string;
}
export interface ExtensionUpdated {
  readonly kind: 'extension.updated';
  readonly service_id: string;
  readonly entity: Entity;
  /** The state's or task's own id; the service's where `entity` is `service`. */
  readonly id: string;
  readonly name: string;
  readonly value: JsonValue;
  readonly timestamp: number | null;
}

export type Event = Started | Associated | Completed | Transitioned | Deleted | ExtensionUpdated;

export type EventKind = Event['kind'];

/** Why a record was set aside, in the order in which the reasons are looked for. */
export type RejectReason =
  | 'MALFORMED'
  | 'UNKNOWN_SCHEMA'
  | 'UNKNOWN_KIND'
  | 'MISSING_FIELD'
  | 'BAD_FIELD'
  | 'KEY_MISMATCH'
  | 'NO_KEY';

/** A record that cannot be understood: a value, not an exception. `field` is a dotted path, null where no field is at fault. */
export interface Reject {
  readonly reason: RejectReason;
  readonly field: string | null;
  readonly message: string;
}

interface KindSpec {
  readonly required: readonly string[];
  readonly optional: readonly string[];
  /** `kept`: the event's time is needed (its own, or the record's); `checked`: looked at only where it is given. */
  readonly time: 'kept' | 'checked';
}

/** The contract's table; the occasion and `extensions` follow the optional fields of every kind but the last two. */
export const kindSpecs: Readonly<Record<EventKind, KindSpec>> = {
  'service.started': {
    required: ['service_id'],
    optional: ['service_type', 'customer_id', 'contact_key', 'est_duration'],
    time: 'kept',
  },
  'service.associated': { required: ['service_id', 'customer_id'], optional: [], time: 'checked' },
  'service.completed': { required: ['service_id'], optional: ['disposition', 'disposition_desc'], time: 'kept' },
  'state.started': {
    required: ['service_id', 'state_id'],
    optional: ['state_type', 'previous_state_id', 'est_duration'],
    time: 'kept',
  },
  'state.completed': {
    required: ['service_id', 'state_id'],
    optional: ['disposition', 'disposition_desc'],
    time: 'kept',
  },
  'state.transitioned': {
    required: ['service_id', 'from.state_id', 'to.state_id'],
    optional: ['from.disposition', 'from.disposition_desc', 'to.state_type', 'to.est_duration'],
    time: 'kept',
  },
  'task.started': {
    required: ['service_id', 'task_id'],
    optional: ['state_id', 'task_type', 'est_duration'],
    time: 'kept',
  },
  'task.completed': {
    required: ['service_id', 'task_id'],
    optional: ['disposition', 'disposition_desc'],
    time: 'kept',
  },
  'extension.updated': { required: ['service_id', 'entity', 'name', 'value'], optional: [], time: 'checked' },
  'service.deleted': { required: ['service_id'], optional: [], time: 'checked' },
};

export function isEventKind(text: string): text is EventKind {
  return Object.hasOwn(kindSpecs, text);
}

/** A transition speaks of two rows, every other kind of one. */
export type TransitionSide = 'from' | 'to' | null;

/** The required ids among a kind's fields say which row is meant; `state_id` of a task's start is an ordinary field. */
const idFields: ReadonlySet<string> = new Set(['service_id', 'state_id', 'task_id']);

/** The names of the columns that an event of this kind (or side) can set besides its occasion, in the table's order. */
export function carriedFields(kind: EventKind, side: TransitionSide): readonly string[] {
  const { required, optional } = kindSpecs[kind];
  const names = (paths: readonly string[]): string[] =>
    paths.flatMap(path => {
      const [head, tail] = path.split('.');
      if (tail === undefined) return side === null ? [path] : [];
      return head === side ? [tail] : [];
    });
  return [...names(required).filter(name => !idFields.has(name)), ...names(optional)];
}
