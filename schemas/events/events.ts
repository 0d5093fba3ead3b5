import type { JsonValue } from '../json/json.ts';

/**
 * The ten kinds of event, as one closed union. Field names are those of the records and of the tables. The decoder takes
 * required and optional fields and their order from here (contract 1.6).
 */

export const entities = ['service', 'state', 'task'] as const;
export type Entity = (typeof entities)[number];

/** The fields of an occasion (who and where), in the order of the contract; `timestamp` is kept apart because it is a number. */
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
  /** The event's time, in milliseconds since 1970 UTC; null where none was given and the kind needs none. */
  readonly timestamp: number | null;
  /** By position in `occasionFields`; undefined where it is absent. */
  readonly values: readonly (string | undefined)[];
}

/** Extension values by name, in the order in which the record has them. */
export type Extensions = ReadonlyMap<string, JsonValue>;

/** The fields of an event besides ids, occasion and extensions, by position in `carriedFields` of its kind. */
export type FieldValues = readonly (string | number | undefined)[];

/** The part of an event that concerns one row: the row's own id (of the service, state or task) and its fields. */
export interface RowPart {
  readonly id: string;
  readonly fields: FieldValues;
}

/** The rest of an event: its service, where and when it happened, and its extensions. */
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

/** Why a record is quarantined, in the order in which the reasons are checked. */
export type RejectReason =
  | 'TOO_LARGE'
  | 'MALFORMED'
  | 'UNKNOWN_SCHEMA'
  | 'UNKNOWN_KIND'
  | 'MISSING_FIELD'
  | 'BAD_FIELD'
  | 'KEY_MISMATCH'
  | 'NO_KEY';

/** Why a record cannot be decoded: a value, not an exception. `field` is a dotted path; null where no field is at fault. */
export interface Reject {
  readonly reason: RejectReason;
  readonly field: string | null;
  readonly message: string;
}

interface KindSpec {
  readonly required: readonly string[];
  readonly optional: readonly string[];
  /** `kept`: the kind needs a time, its own or the record's. `checked`: it needs none, but a given time must be valid. */
  readonly time: 'kept' | 'checked';
}

/** The kinds and their fields (contract 1.6). Every kind but the last two also has an occasion and `extensions`. */
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

/** A transition concerns two rows, `from` and `to`; every other kind (null) concerns one. */
export type TransitionSide = 'from' | 'to' | null;

/** Required fields with these names identify the row; the optional `state_id` of a task's start is an ordinary field. */
const idFields: ReadonlySet<string> = new Set(['service_id', 'state_id', 'task_id']);

/** The columns that an event of this kind (or side) can set besides its occasion, in the order of the table. */
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
