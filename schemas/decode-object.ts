import {
  type Event,
  type EventKind,
  isEventKind,
  kindSpecs,
  type Occasion,
  occasionFields,
  type Reject,
  type RejectReason,
} from './events.ts';
import { code, extensions, type FieldReader, fieldReaders, identity, timestamp } from './fields.ts';
import { compactJson, isJsonObject, type JsonObject, type JsonValue } from './json.ts';
import { isEventTime } from './timestamps.ts';

export type Decoded = Event | Reject;

export function isReject(decoded: Decoded): decoded is Reject {
  return 'reason' in decoded;
}

/** Decodes an event's members, already free of syntax: the part that JSON and Avro have in common. */
export function decodeObject(body: JsonObject, recordTime: number | null): Decoded {
  const kind = body.get('event');
  if (typeof kind !== 'string' || !isEventKind(kind)) {
    const given = kind === undefined ? 'no event' : `event ${show(kind)}`;
    return rejected('UNKNOWN_KIND', 'event', `${given}; allowed are ${Object.keys(kindSpecs).join(', ')}`);
  }
  for (const half of kind === 'state.transitioned' ? ['from', 'to'] : []) {
    const given = body.get(half) ?? null;
    if (given !== null && !isJsonObject(given)) return badField(half, given, 'an object');
  }
  // A time below 0 is how Kafka says that a record has none.
  const ownTime = recordTime !== null && recordTime >= 0 ? recordTime : null;
  const missing = firstMissing(kind, body, ownTime);
  return missing === undefined
    ? readFields(kind, body, ownTime)
    : rejected('MISSING_FIELD', missing, `${missing} is missing`);
}

/** Where a field stands: its dotted path, the member that holds it (null: the event itself) and its reader. */
interface Place {
  readonly path: string;
  readonly half: 'from' | 'to' | null;
  readonly name: string;
  /** True for the id of the row that the event speaks of. */
  readonly own: boolean;
  readonly reader: FieldReader<unknown>;
}

const plans = new Map<string, { required: readonly Place[]; optional: readonly Place[] }>(
  Object.entries(kindSpecs).map(([kind, spec]) => [
    kind,
    // service_id, the first of all, is read by itself.
    {
      required: spec.required.slice(1).map(path => place(path, true)),
      optional: spec.optional.map(path => place(path, false)),
    },
  ]),
);
const occasionPlaces = occasionFields.map(name => ({ name, reader: code }));
const entityIds = { state: place('state_id', true), task: place('task_id', true) };

function place(path: string, required: boolean): Place {
  const [head, tail] = path.split('.') as [string, string?];
  const name = tail ?? head;
  const reader = fieldReaders[name];
  if (reader === undefined) throw new Error(`no reader for the field ${path}`);
  const half = tail === undefined ? null : head === 'from' ? 'from' : 'to';
  return { path, half, name, own: required && (name === 'state_id' || name === 'task_id'), reader };
}

/** The required fields of this very event after its service_id: an extension update names its state or task. */
function requiredPlaces(kind: EventKind, body: JsonObject): readonly Place[] {
  const { required } = plans.get(kind)!;
  if (kind !== 'extension.updated') return required;
  const entity = body.get('entity');
  return entity === 'state' || entity === 'task' ? [...required, entityIds[entity]] : required;
}

function firstMissing(kind: EventKind, body: JsonObject, recordTime: number | null): string | undefined {
  if ((body.get('service_id') ?? null) === null) return 'service_id';
  for (const wanted of requiredPlaces(kind, body)) {
    const given = memberAt(body, wanted);
    // Null is the same as absent, but for the value of an extension.
    if (given === undefined || (given === null && wanted.name !== 'value')) return wanted.path;
  }
  const timed = kindSpecs[kind].time === 'checked' || recordTime !== null || (body.get('timestamp') ?? null) !== null;
  return timed ? undefined : 'timestamp';
}

/** Reads what the kind's table lists, in its order; the first field that is not allowed ends it. */
function readFields(kind: EventKind, body: JsonObject, recordTime: number | null): Decoded {
  const service_id = identity.read(body.get('service_id')!);
  if (service_id === undefined) return badField('service_id', body.get('service_id')!, identity.allowed);
  if (kind === 'service.deleted') return { kind, service_id };

  const said: Taken = { fields: {}, ids: {}, halves: { from: { fields: {} }, to: { fields: {} } } };
  const fault = take(body, requiredPlaces(kind, body), said) ?? take(body, plans.get(kind)!.optional, said);
  if (fault !== undefined) return fault;
  const time = readTime(body, kindSpecs[kind].time === 'kept' ? recordTime : null);
  if (typeof time === 'object' && time !== null) return time;
  const id = said.ids.own ?? service_id;
  // The readers have just checked every member against the kind's table, which the types of the events repeat.
  if (kind === 'extension.updated')
    return { kind, service_id, id, ...said.fields, timestamp: time } as unknown as Event;
  const occasion = readOccasion(body, time);
  if (isFault(occasion)) return occasion;
  const given = body.get('extensions') ?? null;
  const carried = given === null ? null : extensions.read(given);
  if (carried === undefined) return badField('extensions', given, extensions.allowed);
  if (kind !== 'state.transitioned') {
    return { kind, service_id, id, fields: said.fields, occasion, extensions: carried } as unknown as Event;
  }
  return { kind, service_id, ...said.halves, occasion, extensions: carried } as unknown as Event;
}

/** Where read values go: ids of the row itself apart from its fields, the halves of a transition apart from both. */
interface Taken {
  readonly fields: Record<string, unknown>;
  readonly ids: { own?: string };
  readonly halves: Readonly<Record<'from' | 'to', { id?: string; readonly fields: Record<string, unknown> }>>;
}

function take(body: JsonObject, places: readonly Place[], said: Taken): Reject | undefined {
  for (const wanted of places) {
    const given = memberAt(body, wanted) ?? null;
    if (given === null && wanted.name !== 'value') continue;
    const kept = wanted.reader.read(given);
    if (kept === undefined) return badField(wanted.path, given, wanted.reader.allowed);
    if (wanted.half !== null) {
      const half = said.halves[wanted.half];
      if (wanted.own) half.id = kept as string;
      else half.fields[wanted.name] = kept;
    } else if (wanted.own) said.ids.own = kept as string;
    else said.fields[wanted.name] = kept;
  }
  return undefined;
}

function readOccasion(body: JsonObject, time: number | null): Occasion | Reject {
  const occasion: { -readonly [field in keyof Occasion]: Occasion[field] } = { timestamp: time };
  for (const { name, reader } of occasionPlaces) {
    const given = body.get(name) ?? null;
    if (given === null) continue;
    const kept = reader.read(given);
    if (kept === undefined) return badField(name, given, reader.allowed);
    occasion[name] = kept;
  }
  return occasion;
}

function isFault(read: Occasion | Reject): read is Reject {
  return 'reason' in read;
}

/** The event's own time, else the record's where the kind keeps one. */
function readTime(body: JsonObject, recordTime: number | null): number | null | Reject {
  const given = body.get('timestamp') ?? null;
  if (given !== null) return timestamp.read(given) ?? badField('timestamp', given, timestamp.allowed);
  if (recordTime === null || isEventTime(recordTime)) return recordTime;
  return rejected(
    'BAD_FIELD',
    'timestamp',
    `the record's own time is ${recordTime} ms; the years 1970 to 2200 are allowed`,
  );
}

function memberAt(body: JsonObject, { half, name }: Place): JsonValue | undefined {
  if (half === null) return body.get(name);
  const holder = body.get(half);
  return isJsonObject(holder) ? holder.get(name) : undefined;
}

export function badField(path: string, given: JsonValue, allowed: string): Reject {
  return rejected('BAD_FIELD', path, `${path} is ${show(given)}; allowed is ${allowed}`);
}

export function rejected(reason: RejectReason, field: string | null, message: string): Reject {
  return { reason, field, message };
}

/** The value as the user wrote it, cut so that one bad record cannot fill the quarantine. */
export function show(value: JsonValue): string {
  const text = compactJson(value);
  return text.length <= 100 ? text : `${text.slice(0, 100).toWellFormed()}… (${text.length} characters)`;
}
