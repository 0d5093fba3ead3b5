import { JsonNumber, JsonSyntaxError, parseJson } from '../json/json.ts';
import { type Member, WrongType } from '../json/members.ts';
import type { AvroReader } from './reader.ts';
import type { Skip, Skips } from './skip.ts';
import type { AvroType } from './type.ts';

/**
 * The role of a field in its event: a `plain` value is a string or number; an `instant` is a timestamp-millis; a `text` is a
 * string that holds JSON.
 */
export type Role = 'plain' | 'instant' | 'text';

export type Read = (reader: AvroReader) => Member;

/**
 * Compiles the reader of a value that is not a record. For a value of a type that its role does not allow, the reader skips
 * it and returns a WrongType.
 */
export function scalarOf(type: AvroType, role: Role, skips: Skips): Read {
  if (type.typeName === 'union') return branchOf(type.types.map(branch => scalarOf(branch, role, skips)));
  return readOf(type, role) ?? wrongTypeOf(type, skips.of(type));
}

/** Compiles the reader of a union from the readers of its branches. */
export function branchOf<T>(branches: readonly ((reader: AvroReader) => T)[]): (reader: AvroReader) => T {
  return from => branches[from.choice(branches.length)]!(from);
}

/** The reader of a type that is no union; null where the role does not allow the type. */
function readOf(type: AvroType, role: Role): Read | null {
  if (type.typeName === 'null') return () => null;
  if (role === 'instant') return type.typeName === 'timestamp-millis' ? reader => Number(reader.long()) : null;
  if (role === 'text') return type.typeName === 'string' ? reader => jsonOf(reader.string()) : null;
  if (type.typeName === 'timestamp-millis') return plain.long!;
  if (type.typeName === 'enum') return reader => type.symbols[reader.choice(type.symbols.length)]!;
  return plain[type.typeName] ?? null;
}

/** Skips a value and describes it as a WrongType. */
export function wrongTypeOf(type: AvroType, skip: Skip | null): Read {
  const wrongType = new WrongType(`an Avro ${type.typeName}`);
  return reader => {
    skip?.(reader);
    return wrongType;
  };
}

const plain: Readonly<Record<string, Read>> = {
  string: reader => reader.string(),
  int: reader => new JsonNumber(String(reader.int())),
  long: reader => new JsonNumber(String(reader.long())),
  float: reader => fraction(reader.float()),
  double: reader => fraction(reader.double()),
  boolean: reader => reader.boolean(),
};

/** A float or double is never an integer: 5 is shown as 5.0. */
function fraction(value: number): JsonNumber {
  const digits = String(value);
  return new JsonNumber(/^-?\d+$/.test(digits) ? `${digits}.0` : digits);
}

/** When the text is not JSON, the field is at fault, not the record, which is well-formed. */
function jsonOf(text: string): Member {
  try {
    return parseJson(text);
  } catch (error) {
    if (!(error instanceof JsonSyntaxError)) throw error;
    return new WrongType(`no JSON text (${error.message})`);
  }
}
