import { JsonNumber } from '../json/json.ts';
import { type Member, WrongType } from '../json/members.ts';
import { formatTimestamp, isInstant } from '../json/timestamps.ts';
import { claimMembers } from './fields.ts';
import { readControlSchema } from './files.ts';
import type { AvroReader } from './reader.ts';
import type { Skips } from './skip.ts';
import { type AvroType, ownPartOf } from './type.ts';
import { branchOf, type Read, scalarOf } from './value.ts';

/** The members of a request, as a JSON object would have them. */
export type RequestMembers = ReadonlyMap<string, Member>;

const recordName = 'control.request';

/**
 * Compiles the reader of control requests. No field is skipped: an unknown parameter is a fault, in Avro as in JSON. For
 * a record type with another name the reader returns a WrongType.
 */
export function requestOf(type: AvroType, skips: Skips): (reader: AvroReader) => RequestMembers | WrongType {
  if (type.typeName === 'union') return branchOf(type.types.map(branch => requestOf(branch, skips)));
  if (type.typeName !== 'record' || ownPartOf(type.name) !== recordName) {
    const wrongType = new WrongType(
      type.typeName === 'record' ? `an Avro record ${type.name}` : `an Avro ${type.typeName}`,
    );
    const skip = skips.of(type);
    return from => {
      skip?.(from);
      return wrongType;
    };
  }
  const steps = claimMembers(type.fields, requestNames()).map(({ type: fieldType, member }, at) => ({
    name: member ?? type.fields[at]!.name,
    read: parameterOf(fieldType, skips),
  }));
  return from => new Map(steps.map(({ name, read }) => [name, read(from)]));
}

let known: ReadonlySet<string> | null = null;

function requestNames(): ReadonlySet<string> {
  known ??= new Set(
    (JSON.parse(readControlSchema(recordName)) as { fields: readonly { name: string }[] }).fields.map(
      ({ name }) => name,
    ),
  );
  return known;
}

function parameterOf(type: AvroType, skips: Skips): Read {
  if (type.typeName === 'union') return branchOf(type.types.map(branch => parameterOf(branch, skips)));
  if (type.typeName === 'timestamp-millis') return reader => instantText(Number(reader.long()));
  return scalarOf(type, 'plain', skips);
}

/** An instant that no text can hold is passed on as its number, and later refused as a time. */
function instantText(instant: number): Member {
  return isInstant(instant) ? formatTimestamp(instant) : new JsonNumber(String(instant));
}
