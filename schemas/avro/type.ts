/** A schema as a registry stores it: its text, and the texts of the schemas it refers to, each after those that it needs. */
export interface RegisteredSchema {
  /** AVRO, JSON or PROTOBUF. */
  readonly type: string;
  readonly text: string;
  readonly references: readonly string[];
}

/** A type of a writer's schema. A record type may contain itself. */
export type AvroType = PrimitiveType | NamedType | ManyType | UnionType;

/** A type that a schema defines under a name; the name begins with the namespace. */
export type NamedType = RecordType | EnumType | FixedType;

export const primitiveNames = ['null', 'boolean', 'int', 'long', 'float', 'double', 'bytes', 'string'] as const;

/** Of the logical types only timestamp-millis matters; any other is read as its underlying type. */
export interface PrimitiveType {
  readonly typeName: (typeof primitiveNames)[number] | 'timestamp-millis';
}

interface RecordType {
  readonly typeName: 'record';
  readonly name: string;
  readonly fields: readonly WriterField[];
}

export interface WriterField {
  readonly name: string;
  readonly aliases: readonly string[];
  readonly type: AvroType;
}

interface EnumType {
  readonly typeName: 'enum';
  readonly name: string;
  readonly symbols: readonly string[];
}

interface FixedType {
  readonly typeName: 'fixed';
  readonly name: string;
  /** In bytes. */
  readonly size: number;
}

/** An array, or a map from strings, of values of one type. */
interface ManyType {
  readonly typeName: 'array' | 'map';
  readonly items: AvroType;
}

interface UnionType {
  readonly typeName: 'union';
  readonly types: readonly AvroType[];
}

/** The last two parts of a record type's full name, which identify the kind; producers may put a namespace before them. */
export function ownPartOf(fullName: string): string {
  return fullName.split('.').slice(-2).join('.');
}
