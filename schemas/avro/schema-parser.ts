import { maxDepth } from '../json/json.ts';
import { jsonOf, listOf, type Properties, propertiesOf, sizeOf, textOf, textsOf } from './schema-json.ts';
import { type AvroType, type NamedType, primitiveNames, type RegisteredSchema, type WriterField } from './type.ts';

/**
 * Parses a schema and the schemas that it refers to. Reads whatever Java's Avro reads: names of any characters, types that
 * are used before they are defined or are defined again alike, comments. Defaults, docs and properties are not looked at,
 * because records are read without them. Throws an Error that says why a text is not an Avro schema.
 */
export function parseSchema({ type, text, references }: RegisteredSchema): AvroType {
  if (type !== 'AVRO') throw new Error(`it is of type ${type}`);
  const parser = new SchemaParser();
  for (const reference of references) parser.add(reference);
  const found = parser.add(text);
  parser.check();
  return found();
}

/** Returns a type; called when all schemas are parsed, because a type may be used before it is defined. */
type Found = () => AvroType;

/** The place of a type in its schema. */
interface Place {
  /** The namespace of names that state none; '' for none. */
  readonly namespace: string;
  /** The number of types around it. */
  readonly depth: number;
}

const primitives = new Map<string, AvroType>(primitiveNames.map(typeName => [typeName, { typeName }]));
const timestampMillis: AvroType = { typeName: 'timestamp-millis' };

class SchemaParser {
  /** The first definition of each name. */
  readonly #defined = new Map<string, NamedType>();
  readonly #definedAgain: NamedType[] = [];
  readonly #usedBefore: { readonly name: string; readonly namespace: string }[] = [];

  add(text: string): Found {
    return this.#parse(jsonOf(text), { namespace: '', depth: 0 });
  }

  /** Throws when a type is not defined, or is defined in two ways. */
  check(): void {
    for (const { name, namespace } of this.#usedBefore) {
      if (this.#find(name, namespace) === undefined) throw new Error(`the type ${name} is not defined`);
    }
    for (const type of this.#definedAgain) {
      if (contentOf(type) !== contentOf(this.#defined.get(type.name)!))
        throw new Error(`the type ${type.name} is defined in two ways`);
    }
  }

  #parse(schema: unknown, place: Place): Found {
    if (place.depth > maxDepth) throw new Error(`its types are nested deeper than ${maxDepth}`);
    const inside = { ...place, depth: place.depth + 1 };
    if (typeof schema === 'string') return this.#named(schema, place.namespace);
    if (Array.isArray(schema)) return this.#union(schema, inside);
    return this.#object(propertiesOf(schema), inside);
  }

  #object(schema: Properties, place: Place): Found {
    const { type } = schema;
    if (type === 'record' || type === 'error') return this.#record(schema, place);
    if (type === 'enum' || type === 'fixed') return this.#leaf(type, schema, place);
    if (type === 'array') return this.#many(type, schema.items, place);
    if (type === 'map') return this.#many(type, schema.values, place);
    if (type === 'long' && schema.logicalType === 'timestamp-millis') return () => timestampMillis;
    return this.#named(textOf(type, 'the type'), place.namespace);
  }

  #record(schema: Properties, place: Place): Found {
    const name = fullNameOf(schema, place);
    const fields: WriterField[] = [];
    const record = this.#define({ typeName: 'record', name, fields });
    const inside = { ...place, namespace: name.slice(0, Math.max(0, name.lastIndexOf('.'))) };
    for (const field of listOf(schema.fields, `the fields of ${name}`)) {
      fields.push(this.#field(propertiesOf(field), inside));
    }
    if (new Set(fields.map(field => field.name)).size < fields.length)
      throw new Error(`two fields of ${name} have the same name`);
    return record;
  }

  #field(field: Properties, place: Place): WriterField {
    const name = textOf(field.name, 'the name of a field');
    const type = this.#parse(field.type, place);
    return {
      name,
      aliases: textsOf(field.aliases ?? [], `the aliases of ${name}`),
      get type() {
        return type();
      },
    };
  }

  #leaf(typeName: 'enum' | 'fixed', schema: Properties, place: Place): Found {
    const name = fullNameOf(schema, place);
    if (typeName === 'enum')
      return this.#define({ typeName, name, symbols: textsOf(schema.symbols, `the symbols of ${name}`) });
    return this.#define({ typeName, name, size: sizeOf(schema.size, `the size of ${name}`) });
  }

  #many(typeName: 'array' | 'map', schema: unknown, place: Place): Found {
    const items = this.#parse(schema, place);
    const many: AvroType = {
      typeName,
      get items() {
        return items();
      },
    };
    return () => many;
  }

  #union(branches: readonly unknown[], place: Place): Found {
    const types = branches.map(branch => this.#parse(branch, place));
    const union: AvroType = {
      typeName: 'union',
      get types() {
        return types.map(type => type());
      },
    };
    return () => union;
  }

  #define(type: NamedType): Found {
    if (this.#defined.has(type.name)) this.#definedAgain.push(type);
    else this.#defined.set(type.name, type);
    return () => type;
  }

  #named(name: string, namespace: string): Found {
    const type = primitives.get(name) ?? this.#find(name, namespace);
    if (type !== undefined) return () => type;
    this.#usedBefore.push({ name, namespace });
    return () => this.#find(name, namespace)!;
  }

  /** Looks in the namespace first, then, as Java does, among the types without a namespace. */
  #find(name: string, namespace: string): NamedType | undefined {
    return this.#defined.get(qualified(name, namespace)) ?? this.#defined.get(name);
  }
}

/**
 * What a definition says about reading records, as one text. Types inside stand there by their names, because each of
 * their definitions is compared by itself.
 */
function contentOf(type: NamedType): string {
  return JSON.stringify(type, (key, value: Partial<NamedType>) => {
    if (key === 'aliases') return undefined;
    const isOtherType = key !== '' && value.typeName !== undefined && value.name !== undefined;
    return isOtherType ? { name: value.name } : value;
  });
}

function fullNameOf(schema: Properties, { namespace }: Place): string {
  const stated = typeof schema.namespace === 'string' ? schema.namespace : namespace;
  return qualified(textOf(schema.name, 'the name of a type'), stated);
}

/** A name with a dot states its namespace itself; `.x` has none. */
function qualified(name: string, namespace: string): string {
  if (name.includes('.')) return name.replace(/^\./, '');
  return namespace === '' ? name : `${namespace}.${name}`;
}
