/**
 * Reads and writes fields of Kafka's protocol (https://kafka.apache.org/protocol). Newer versions of requests are
 * "flexible": a length is encoded as a variable-length integer plus one, with 0 for null, and every structure ends with
 * tagged fields. None of the tagged fields is used here.
 */

/** The length of a topic id. In this program ids are hex strings. */
const uuidBytes = 16;

export class FieldReader {
  readonly #bytes: Buffer;
  readonly #flexible: boolean;
  #at = 0;

  constructor(bytes: Buffer, flexible: boolean) {
    this.#bytes = bytes;
    this.#flexible = flexible;
  }

  boolean(): boolean {
    return this.#bytes.readInt8(this.#skip(1)) !== 0;
  }

  int16(): number {
    return this.#bytes.readInt16BE(this.#skip(2));
  }

  int32(): number {
    return this.#bytes.readInt32BE(this.#skip(4));
  }

  int64(): bigint {
    return this.#bytes.readBigInt64BE(this.#skip(8));
  }

  uuid(): string {
    return this.#bytes.toString('hex', this.#skip(uuidBytes), this.#at);
  }

  /** Null when the field is null. */
  string(): string | null {
    const length = this.#flexible ? this.#uvarint() - 1 : this.int16();
    return length < 0 ? null : this.#bytes.toString('utf8', this.#skip(length), this.#at);
  }

  /** Empty when the field is null. */
  bytes(): Buffer {
    const length = Math.max(this.#length(), 0);
    return this.#bytes.subarray(this.#skip(length), this.#at);
  }

  /** Empty when the field is null. Reads the tagged fields after each structure too. */
  structures<T>(read: () => T): T[] {
    return Array.from({ length: Math.max(this.#length(), 0) }, () => {
      const structure = read();
      this.tags();
      return structure;
    });
  }

  int32s(): readonly number[] {
    return Array.from({ length: Math.max(this.#length(), 0) }, () => this.int32());
  }

  /** Skips the tagged fields of a flexible version. */
  tags(): void {
    if (!this.#flexible) return;
    for (let count = this.#uvarint(); count > 0; count -= 1) {
      this.#uvarint();
      this.#skip(this.#uvarint());
    }
  }

  #length(): number {
    return this.#flexible ? this.#uvarint() - 1 : this.int32();
  }

  #uvarint(): number {
    let value = 0;
    for (let scale = 1; ; scale *= 128) {
      const byte = this.#bytes.readUInt8(this.#skip(1));
      value += (byte & 0x7f) * scale;
      if (byte < 0x80) return value;
    }
  }

  #skip(count: number): number {
    this.#at += count;
    return this.#at - count;
  }
}

/** Writes fields of flexible versions. */
export class FieldWriter {
  readonly #parts: Buffer[] = [];

  finish(): Buffer {
    return Buffer.concat(this.#parts);
  }

  int8(value: number): this {
    return this.#number(1, value);
  }

  int32(value: number): this {
    return this.#number(4, value);
  }

  int64(value: string | number): this {
    return this.#number(8, value);
  }

  uuid(hex: string): this {
    return this.#add(Buffer.from(hex, 'hex'));
  }

  string(value: string | null): this {
    if (value === null) return this.#uvarint(0);
    const bytes = Buffer.from(value);
    return this.#uvarint(bytes.length + 1).#add(bytes);
  }

  structures<T>(items: readonly T[] | null, write: (item: T) => void): this {
    this.#uvarint(items === null ? 0 : items.length + 1);
    for (const item of items ?? []) {
      write(item);
      this.tags();
    }
    return this;
  }

  /** Ends a structure without tagged fields. */
  tags(): this {
    return this.#uvarint(0);
  }

  #number(bytes: 1 | 4 | 8, value: string | number): this {
    const buffer = Buffer.alloc(8);
    buffer.writeBigInt64BE(BigInt(value));
    return this.#add(buffer.subarray(8 - bytes));
  }

  #uvarint(value: number): this {
    const bytes: number[] = [];
    let rest = value;
    for (; rest > 0x7f; rest = Math.floor(rest / 128)) bytes.push((rest % 128) | 0x80);
    return this.#add(Buffer.from([...bytes, rest]));
  }

  #add(bytes: Buffer): this {
    this.#parts.push(bytes);
    return this;
  }
}
