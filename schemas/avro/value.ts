import type { Type } from 'avsc';
import { JsonNumber, JsonSyntaxError, parseJson } from '../json/json.ts';
import { type Member, WrongType } from '../json/members.ts';
import type { AvroReader } from './reader.ts';
import type { Skip, Skips } from './skip.ts';
import { isEnum, isTimestampMillis, isUnion } from './type.ts';

/**
 * What a field is to its event: a `plain` value is a string or number; an `instant` is a timestamp-millis and nothing
 * else; a `text` is a string that holds JSON.
 */
export type Role = 'plain' | 'instant' | 'text';

export type Read = (reader: AvroReader) => Member;

/** Reads a value that is no record; one of a type that its role does not take is stepped over and told. */
export function scalarOf(type: Type, role: Role, skips: Skips): Read {
  if (isUnion(type)) return branchOf(type.types.map(branch => scalarOf(branch, role, skips)));
  return readOf(type, role) ?? misfitOf(type, skips.of(type));
}

/** Reads a value of a union, by what reads each of its branches. */
export function branchOf<T>(branches: readonly ((reader: AvroReader) => T)[]): (reader: AvroReader) => T {
  return from => branches[from.choice(branches.length)]!(from);
}

/** Reads a value of a type that is no union; null where its role does not take the type. */
function readOf(type: Type, role: Role): Read | null {
  if (type.typeName === 'null') return () => null;
  if (role === 'instant') return isTimestampMillis(type) ? reader => Number(reader.long()) : null;
  if (role === 'text') return type.typeName === 'string' ? reader => jsonOf(reader.string()) : null;
  if (isTimestampMillis(type)) return plain.long!;
  if (isEnum(type)) return reader => type.symbols[reader.choice(type.symbols.length)]!;
  return plain[type.typeName] ?? null;
}

/** Steps over a value and tells what it was. */
export function misfitOf(type: Type, skip: Skip | null): Read {
  const misfit = new WrongType(`an Avro ${type.typeName}`);
  return reader => {
    skip?.(reader);
    return misfit;
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

/** A float or double is never taken for an integer: 5 is 5.0. */
function fraction(value: number): JsonNumber {
  const digits = String(value);
  return new JsonNumber(/^-?\d+$/.test(digits) ? `${digits}.0` : digits);
}

/** The record is sound when the text is not: the fault is the field's. */
function jsonOf(text: string): Member {
  try {
    return parseJson(text);
  } catch (error) {
    if (!(error instanceof JsonSyntaxError)) throw error;
    return new WrongType(`no JSON text (${error.message})`);
  }
}
