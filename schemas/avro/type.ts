import avro, { type Type } from 'avsc';
import { parseJson } from '../json/json.ts';

/** A schema as a registry keeps it: its text, and the texts of the schemas it refers to, each after those it needs. */
export interface RegisteredSchema {
  /** AVRO, JSON or PROTOBUF. */
  readonly type: string;
  readonly text: string;
  readonly references: readonly string[];
}

/** Where a long is an instant in milliseconds. Any other logical type is read as what lies below it. */
class TimestampMillis extends avro.types.LogicalType {
  constructor(...given: ConstructorParameters<typeof avro.types.LogicalType>) {
    super(...given);
    // What is thrown here makes it an ordinary int, string or whatever it is.
    if (this.underlyingType.typeName !== 'long') throw new Error('a timestamp-millis is a long');
  }
}

/**
 * Reads a schema with all that it names. Throws an Error that says why it is no Avro schema.
 * Defaults are dropped before: they matter to writers and readers of other schemas, and not all registries check them.
 */
export function readAvroType({ type, text, references }: RegisteredSchema): Type {
  if (type !== 'AVRO') throw new Error(`it is of type ${type}`);
  const options = {
    registry: Object.create(null),
    logicalTypes: { 'timestamp-millis': TimestampMillis },
    // All unions in one way: whether a union is ambiguous matters to writers.
    wrapUnions: true,
  };
  for (const reference of references) avro.Type.forSchema(parsed(reference), options);
  return avro.Type.forSchema(parsed(text), options);
}

function parsed(text: string) {
  // Refuses what is nested so deeply that reading it would depend on the stack that is left.
  parseJson(text);
  return JSON.parse(text, (name, value) => (name === 'default' ? undefined : value));
}

export const isRecord = (type: Type): type is avro.types.RecordType => avro.Type.isType(type, 'record', 'error');
export const isUnion = (type: Type): type is avro.types.WrappedUnionType => avro.Type.isType(type, 'union');
export const isEnum = (type: Type): type is avro.types.EnumType => avro.Type.isType(type, 'enum');
export const isFixed = (type: Type): type is avro.types.FixedType => avro.Type.isType(type, 'fixed');
export const isArray = (type: Type): type is avro.types.ArrayType => avro.Type.isType(type, 'array');
export const isMap = (type: Type): type is avro.types.MapType => avro.Type.isType(type, 'map');
export const isTimestampMillis = (type: Type): type is avro.types.LogicalType => avro.Type.isType(type, 'logical');

/** The last two parts of a record's full name, by which ours are known: producers may put names of their own in front. */
export function ownPartOf(fullName: string): string {
  return fullName.split('.').slice(-2).join('.');
}
