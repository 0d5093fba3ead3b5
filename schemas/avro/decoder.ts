import { isEventKind } from '../events/events.ts';
import { memberPositions, positionOf } from '../events/field-plan.ts';
import { fieldReaders } from '../events/fields.ts';
import { wireHeadBytes } from '../events/wire-format.ts';
import { type EventMembers, type Member, WrongType } from '../json/members.ts';
import { claimMembers } from './fields.ts';
import { AvroReader, AvroSyntaxError } from './reader.ts';
import { type RequestMembers, requestOf } from './request.ts';
import { parseSchema } from './schema-parser.ts';
import { Skips } from './skip.ts';
import { type AvroType, ownPartOf, type RegisteredSchema, type WriterField } from './type.ts';
import { branchOf, type Read, type Role, scalarOf, wrongTypeOf } from './value.ts';

/** Reads the records of one writer's schema. */
export interface WriterSchema {
  /** The members of an event. Throws AvroSyntaxError when the bytes do not match the schema. */
  members(value: Uint8Array): EventMembers;
  /** The members of a control request; a WrongType for any other record. Throws as `members` does. */
  request(value: Uint8Array): RequestMembers | WrongType;
  /** The key of a record. Throws as `members` does. */
  key(key: Uint8Array): Member;
}

/**
 * Compiles a schema into the functions that read its records. Known fields become values, by the writer's own types; all
 * others are checked and skipped. The records of a schema that is not Avro have no known kind.
 */
export function compileSchema(schema: RegisteredSchema): WriterSchema {
  try {
    const type = parseSchema(schema);
    const skips = new Skips();
    const event = eventOf(type, skips);
    const request = requestOf(type, skips);
    const key = scalarOf(type, 'plain', skips);
    return {
      members: value => decode(value, event),
      request: value => decode(value, request),
      key: bytes => decode(bytes, key),
    };
  } catch (error) {
    const why = `of a schema that cannot be read as Avro (${error instanceof Error ? error.message : String(error)})`;
    return {
      members: () => newMembers(new WrongType(why)),
      request: () => new WrongType(why),
      key: () => {
        throw new AvroSyntaxError(`the key is ${why}`);
      },
    };
  }
}

/** Decoding is synchronous, so one reader serves all records. */
const reader = new AvroReader();

function decode<T>(bytes: Uint8Array, read: (from: AvroReader) => T): T {
  reader.open(bytes, wireHeadBytes);
  const value = read(reader);
  reader.end();
  return value;
}

type ReadEvent = (reader: AvroReader) => EventMembers;

function eventOf(type: AvroType, skips: Skips): ReadEvent {
  if (type.typeName === 'union') return branchOf(type.types.map(branch => eventOf(branch, skips)));
  if (type.typeName === 'record') return recordOf(type.name, type.fields, skips);
  const wrongType = wrongTypeOf(type, skips.of(type));
  return from => newMembers(wrongType(from));
}

function recordOf(name: string, fields: readonly WriterField[], skips: Skips): ReadEvent {
  const event = kindOf(name);
  const steps = claimMembers(fields, eventMembers).flatMap(({ type, member }) => {
    if (member === null) return skips.of(type) ?? [];
    const at = positionOf(member);
    const read = memberOf(type, member, skips);
    return (from: AvroReader, members: (Member | undefined)[]) => {
      members[at] = read(from);
    };
  });
  return from => {
    const members = newMembers(event);
    for (const step of steps) step(from, members);
    return members;
  };
}

const eventAt = positionOf('event');

/** Every member but `event`: the name of the record type gives the kind. */
const eventMembers: ReadonlySet<string> = new Set([...memberPositions.keys()].filter(name => name !== 'event'));
const sideMembers: ReadonlySet<string> = new Set(Object.keys(fieldReaders));

/** Members of which only `event` is set. */
function newMembers(event: Member): (Member | undefined)[] {
  const members = new Array<Member | undefined>(memberPositions.size).fill(undefined);
  members[eventAt] = event;
  return members;
}

function kindOf(fullName: string): string {
  const kind = ownPartOf(fullName);
  return isEventKind(kind) ? kind : fullName;
}

function memberOf(type: AvroType, member: string, skips: Skips): Read {
  if (member === 'from' || member === 'to') return sideOf(type, skips);
  return scalarOf(type, roles[member] ?? 'plain', skips);
}

const roles: Readonly<Record<string, Role>> = { timestamp: 'instant', extensions: 'text', value: 'text' };

/** One side of a transition: a record, read like a JSON object. */
function sideOf(type: AvroType, skips: Skips): Read {
  if (type.typeName === 'union') return branchOf(type.types.map(branch => sideOf(branch, skips)));
  if (type.typeName !== 'record') return type.typeName === 'null' ? () => null : wrongTypeOf(type, skips.of(type));
  const steps = claimMembers(type.fields, sideMembers).flatMap(({ type: fieldType, member }) => {
    if (member === null) return skips.of(fieldType) ?? [];
    const read = scalarOf(fieldType, 'plain', skips);
    return (from: AvroReader, side: Map<string, Member>) => {
      side.set(member, read(from));
    };
  });
  return from => {
    const side = new Map<string, Member>();
    for (const step of steps) step(from, side);
    return side;
  };
}
