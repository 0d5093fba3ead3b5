import type { AvroReader } from './reader.ts';
import type { AvroType, PrimitiveType, WriterField } from './type.ts';

export type Skip = (reader: AvroReader) => void;

/**
 * Compiles a function that skips values which are not needed, and checks them all the same: missing bytes, left-over bytes
 * and invalid UTF-8 are found. Each step takes at least one byte, so that the work is bounded by the number of bytes,
 * whatever the schema and the counts in the bytes.
 */
export class Skips {
  /** Each record type is compiled once, so that recursive schemas end and repeated ones do not multiply. */
  readonly #records = new Map<AvroType, Skip | null>();

  /** Null for a type whose values take no bytes. */
  of(type: AvroType): Skip | null {
    switch (type.typeName) {
      case 'record':
        return this.#record(type, type.fields);
      case 'union':
        return this.#union(type.types);
      case 'enum':
        return reader => void reader.choice(type.symbols.length);
      case 'fixed':
        return type.size === 0 ? null : reader => void reader.skip(type.size);
      case 'array':
        return blocks(this.of(type.items));
      case 'map':
        return this.#map(type.items);
      default:
        return primitives[type.typeName];
    }
  }

  #record(type: AvroType, fields: readonly WriterField[]): Skip | null {
    const known = this.#records.get(type);
    if (known !== undefined) return known;
    const steps: Skip[] = [];
    const skip: Skip = reader => {
      reader.enter();
      for (const step of steps) step(reader);
      reader.leave();
    };
    this.#records.set(type, skip);
    for (const field of fields) {
      const step = this.of(field.type);
      if (step !== null) steps.push(step);
    }
    if (steps.length > 0) return skip;
    this.#records.set(type, null);
    return null;
  }

  #union(types: readonly AvroType[]): Skip {
    const branches = types.map(type => this.of(type));
    return reader => branches[reader.choice(branches.length)]?.(reader);
  }

  #map(valuesType: AvroType): Skip {
    const value = this.of(valuesType);
    return blocks(reader => {
      reader.string();
      value?.(reader);
    });
  }
}

function blocks(item: Skip | null): Skip {
  return item === null ? reader => reader.blocks(null) : reader => reader.blocks(() => item(reader));
}

const primitives: Readonly<Record<PrimitiveType['typeName'], Skip | null>> = {
  null: null,
  boolean: reader => void reader.boolean(),
  int: reader => void reader.int(),
  long: reader => void reader.long(),
  float: reader => void reader.skip(4),
  double: reader => void reader.skip(8),
  bytes: reader => reader.skipBytes(),
  string: reader => void reader.string(),
  'timestamp-millis': reader => void reader.long(),
};
