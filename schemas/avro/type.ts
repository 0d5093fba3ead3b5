import avro, { type Type } from 'avsc';
import { parseJson } from '../json/json.ts';

/** A schema as a registry stores it: its text, and the texts of the schemas it refers to, each after those that it needs. */
export interface RegisteredSchema {
  /** AVRO, JSON or PROTOBUF. */
  readonly type: string;
  readonly text: string;
  readonly references: readonly string[];
}

/** The logical type timestamp-millis. Any other logical type is read as its underlying type. */
class TimestampMillis extends avro.types.LogicalType {
  constructor(...given: ConstructorParameters<typeof avro.types.LogicalType>) {
    super(...given);
    // After this error avsc treats the type as the underlying one.
    if (this.underlyingType.typeName !== 'long') throw new Error('a timestamp-millis is a long');
  }
}

/**
 * Parses a schema with the schemas that it refers to. Throws an Error that says why it is not an Avro schema. Defaults are
 * removed before: they do not matter here, and not all registries check them.
 */
export function readAvroType({ type, text, references }: RegisteredSchema): Type {
  if (type !== 'AVRO') throw new Error(`it is of type ${type}`);
  const options = {
    registry: Object.create(null),
    logicalTypes: { 'timestamp-millis': TimestampMillis },
    // All unions are read alike; whether one is ambiguous matters to writers only.
    wrapUnions: true,
  };
  for (const reference of references) avro.Type.forSchema(parsed(reference), options);
  return avro.Type.forSchema(parsed(text), options);
}

function parsed(text: string) {
  // Refuses schemas nested so deeply that reading their records could overflow the stack.
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

/** The last two parts of a record type's full name, which identify the kind; producers may put a namespace before them. */
export function ownPartOf(fullName: string): string {
  return fullName.split('.').slice(-2).join('.');
}
