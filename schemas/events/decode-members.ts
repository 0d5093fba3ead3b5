import { type EventMembers, type Member, show, type TransitionMembers } from '../json/members.ts';
import { isEventTime } from '../json/timestamps.ts';
import {
  carriedFields,
  type Event,
  type EventKind,
  type ExtensionUpdated,
  isEventKind,
  kindSpecs,
  type Occasion,
  type Reject,
  type RejectReason,
} from './events.ts';
import { occasionPlan, type PlannedField, plans, positionOf, updatedIds } from './field-plan.ts';
import { code, extensions, identity, timestamp } from './fields.ts';

export type Decoded = Event | Reject;

export function isReject(decoded: object): decoded is Reject {
  return 'reason' in decoded;
}

const at = {
  event: positionOf('event'),
  from: positionOf('from'),
  to: positionOf('to'),
  service_id: positionOf('service_id'),
  entity: positionOf('entity'),
  timestamp: positionOf('timestamp'),
  extensions: positionOf('extensions'),
};

/** Decodes the members of an event, whether they came from JSON or Avro. */
export function decodeMembers(body: EventMembers, recordTime: number | null): Decoded {
  const kind = body[at.event];
  if (typeof kind !== 'string' || !isEventKind(kind)) {
    const given = kind === undefined ? 'no event' : `event ${show(kind)}`;
    return rejected('UNKNOWN_KIND', 'event', `${given}; allowed are ${Object.keys(kindSpecs).join(', ')}`);
  }
  if (kind === 'state.transitioned') {
    for (const side of ['from', 'to'] as const) {
      const given = body[at[side]] ?? null;
      if (given !== null && !isTransitionMembers(given)) return badField(side, given, 'an object');
    }
  }
  // Kafka gives a record without a time a time below 0.
  const ownTime = recordTime !== null && recordTime >= 0 ? recordTime : null;
  const missing = firstMissing(kind, body, ownTime);
  if (missing !== undefined) return rejected('MISSING_FIELD', missing, `${missing} is missing`);
  const service_id = identity.read(body[at.service_id]!);
  if (service_id === undefined) return badField('service_id', body[at.service_id]!, identity.allowed);
  if (kind === 'service.deleted') return { kind, service_id };
  if (kind === 'extension.updated') return readUpdate(service_id, body);
  return readFields({ kind, service_id, body, recordTime: kindSpecs[kind].time === 'kept' ? ownTime : null });
}

function firstMissing(kind: EventKind, body: EventMembers, recordTime: number | null): string | undefined {
  if ((body[at.service_id] ?? null) === null) return 'service_id';
  for (const wanted of plans[kind].required) if (isMissing(wanted, body)) return wanted.path;
  const updated = kind === 'extension.updated' ? updatedId(body) : null;
  if (updated !== null && isMissing(updated, body)) return updated.path;
  const timed = kindSpecs[kind].time === 'checked' || recordTime !== null || (body[at.timestamp] ?? null) !== null;
  return timed ? undefined : 'timestamp';
}

/** Null counts as absent, except as the value of an extension. */
function isMissing(wanted: PlannedField, body: EventMembers): boolean {
  const given = memberAt(body, wanted);
  return given === undefined || (given === null && wanted.name !== 'value');
}

function updatedId(body: EventMembers): PlannedField | null {
  const entity = body[at.entity];
  return entity === 'state' || entity === 'task' ? updatedIds[entity] : null;
}

function memberAt(body: EventMembers, planned: PlannedField): Member | undefined {
  const member = body[planned.at];
  if (planned.side === null) return member;
  return isTransitionMembers(member) ? member.get(planned.name) : undefined;
}

function isTransitionMembers(member: Member | undefined): member is TransitionMembers {
  return member instanceof Map;
}

interface UnreadFields {
  readonly kind: Exclude<EventKind, 'service.deleted' | 'extension.updated'>;
  readonly service_id: string;
  readonly body: EventMembers;
  readonly recordTime: number | null;
}

/** A row's part of the event while it is read; a transition has two. */
interface RowPartSoFar {
  id: string;
  readonly fields: (string | number | undefined)[];
}

/** Reads the fields of the kind in the order of its table; the first fault ends the reading. */
function readFields({ kind, service_id, body, recordTime }: UnreadFields): Decoded {
  const whole: RowPartSoFar = { id: service_id, fields: new Array(carriedCounts[kind]) };
  const to: RowPartSoFar = { id: service_id, fields: [] };
  for (const planned of plans[kind].all) {
    const given = memberAt(body, planned) ?? null;
    if (given === null) continue;
    // The readers of ids and columns return only strings or numbers.
    const kept = planned.reader.read(given) as string | number | undefined;
    if (kept === undefined) return badField(planned.path, given, planned.reader.allowed);
    const part = planned.side === 'to' ? to : whole;
    if (planned.field === null) part.id = kept as string;
    else part.fields[planned.field] = kept;
  }
  const time = readTime(body, recordTime);
  if (time !== null && typeof time === 'object') return time;
  const occasion = readOccasion(body, time);
  if (isReject(occasion)) return occasion;
  const given = body[at.extensions] ?? null;
  const carried = given === null ? null : extensions.read(given);
  if (carried === undefined) return badField('extensions', given, extensions.allowed);
  if (kind === 'state.transitioned') return { kind, service_id, from: whole, to, occasion, extensions: carried };
  return { kind, service_id, id: whole.id, fields: whole.fields, occasion, extensions: carried };
}

const carriedCounts = Object.fromEntries(
  Object.keys(kindSpecs).map(kind => [kind, isEventKind(kind) ? carriedFields(kind, null).length : 0]),
) as Readonly<Record<EventKind, number>>;

function readUpdate(service_id: string, body: EventMembers): Decoded {
  const read: Record<string, unknown> = { id: service_id };
  const rowId = updatedId(body);
  for (const planned of rowId === null ? plans['extension.updated'].all : [...plans['extension.updated'].all, rowId]) {
    const given = memberAt(body, planned) ?? null;
    const kept = planned.reader.read(given);
    if (kept === undefined) return badField(planned.path, given, planned.reader.allowed);
    read[planned.field === null ? 'id' : planned.name] = kept;
  }
  const time = readTime(body, null);
  if (time !== null && typeof time === 'object') return time;
  // The readers above have checked entity, id, name and value.
  return { ...(read as unknown as ExtensionUpdated), kind: 'extension.updated', service_id, timestamp: time };
}

function readOccasion(body: EventMembers, time: number | null): Occasion | Reject {
  const values = new Array<string | undefined>(occasionPlan.length);
  for (let index = 0; index < occasionPlan.length; index += 1) {
    const planned = occasionPlan[index]!;
    const given = body[planned.at] ?? null;
    if (given === null) continue;
    const kept = code.read(given);
    if (kept === undefined) return badField(planned.name, given, code.allowed);
    values[index] = kept;
  }
  return { timestamp: time, values };
}

/** The event's own time, else the record's time where the kind needs one. */
function readTime(body: EventMembers, recordTime: number | null): number | null | Reject {
  const given = body[at.timestamp] ?? null;
  if (given !== null) return timestamp.read(given) ?? badField('timestamp', given, timestamp.allowed);
  if (recordTime === null || isEventTime(recordTime)) return recordTime;
  return rejected(
    'BAD_FIELD',
    'timestamp',
    `the record's own time is ${recordTime} ms; the years 1970 to 2200 are allowed`,
  );
}

export function badField(path: string, given: Member, allowed: string): Reject {
  return rejected('BAD_FIELD', path, `${path} is ${show(given)}; allowed is ${allowed}`);
}

export function rejected(reason: RejectReason, field: string | null, message: string): Reject {
  return { reason, field, message };
}
