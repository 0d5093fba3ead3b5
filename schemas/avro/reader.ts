import { isUtf8 } from 'node:buffer';
import { maxDepth } from '../json/json.ts';

/** Thrown for bytes that do not match their schema. */
export class AvroSyntaxError extends Error {
  override readonly name = 'AvroSyntaxError';
}

/**
 * Reads Avro's binary encoding and trusts none of it: every length is checked against the bytes that are left, every string
 * must be UTF-8, 64-bit integers keep all digits. Throws AvroSyntaxError at the first wrong byte.
 */
export class AvroReader {
  #bytes: Buffer = Buffer.alloc(0);
  /** All bytes as characters; ASCII strings are cut out of it, which saves a decoding call for each. */
  #characters = '';
  #at = 0;
  #depth = 0;

  /** Starts reading at a position of the bytes. */
  open(bytes: Uint8Array, at: number): void {
    this.#bytes = Buffer.isBuffer(bytes) ? bytes : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.#characters = this.#bytes.toString('latin1');
    this.#at = at;
    this.#depth = 0;
  }

  get at(): number {
    return this.#at;
  }

  /** Throws unless all bytes were read. */
  end(): void {
    const left = this.#bytes.length - this.#at;
    if (left > 0) throw new AvroSyntaxError(`${left} bytes are left over after the Avro value`);
  }

  /** An int or long; a bigint where a double might not hold it exactly. */
  long(): number | bigint {
    const bytes = this.#bytes;
    const start = this.#at;
    let at = start;
    let byte = bytes[at] ?? this.#missing();
    let sum = byte & 0x7f;
    // Four bytes fit into V8's small integers, seven into a double.
    for (let shift = 7; byte > 0x7f && shift < 28; shift += 7) {
      at += 1;
      byte = bytes[at] ?? this.#missing();
      sum |= (byte & 0x7f) << shift;
    }
    if (byte <= 0x7f) {
      this.#at = at + 1;
      return (sum >>> 1) ^ -(sum & 1);
    }
    for (let place = 2 ** 28; byte > 0x7f && place < 2 ** 49; place *= 128) {
      at += 1;
      byte = bytes[at] ?? this.#missing();
      sum += (byte & 0x7f) * place;
    }
    if (byte > 0x7f) return this.#wideLong(start);
    this.#at = at + 1;
    return sum % 2 === 0 ? sum / 2 : -(sum + 1) / 2;
  }

  int(): number {
    const value = this.long();
    if (typeof value === 'bigint' || value !== (value | 0)) throw this.#wrong(`an int is ${value}`);
    return value;
  }

  boolean(): boolean {
    const byte = this.#bytes[this.#at] ?? this.#missing();
    if (byte > 1) throw this.#wrong(`a boolean is ${byte}`);
    this.#at += 1;
    return byte === 1;
  }

  float(): number {
    return this.#bytes.readFloatLE(this.skip(4));
  }

  double(): number {
    return this.#bytes.readDoubleLE(this.skip(8));
  }

  /** The index of a union's branch or an enum's symbol, checked against their number. */
  choice(count: number): number {
    const index = this.long();
    if (typeof index === 'bigint' || index < 0 || index >= count) {
      throw this.#wrong(`branch or symbol ${index} of ${count} does not exist`);
    }
    return index;
  }

  string(): string {
    const length = this.#length();
    const start = this.skip(length);
    const end = this.#at;
    for (let at = start; at < end; at += 1) if (this.#bytes[at]! > 0x7f) return this.#unicode(start, end);
    return this.#characters.substring(start, end);
  }

  /** Skips `count` bytes and returns the position where they begin. */
  skip(count: number): number {
    const start = this.#at;
    if (count > this.#bytes.length - start) this.#missing();
    this.#at = start + count;
    return start;
  }

  skipBytes(): void {
    this.skip(this.#length());
  }

  /** Reads the items of an array or map. `item` reads one of at least one byte; it is null when items have no bytes. */
  blocks(item: (() => void) | null): void {
    this.enter();
    for (let count = this.long(); count !== 0; count = this.long()) {
      const sized = count < 0;
      const size = sized ? this.#length() : 0;
      const items = sized ? -count : count;
      const start = this.#at;
      if (item !== null) {
        if (items > this.#bytes.length - start) this.#missing();
        for (let left = Number(items); left > 0; left -= 1) item();
      }
      if (sized && this.#at !== start + size)
        throw this.#wrong(`a block does not have the ${size} bytes that it states`);
    }
    this.leave();
  }

  /** Enters a record, array or map, up to the allowed depth; `leave` undoes it. */
  enter(): void {
    this.#depth += 1;
    if (this.#depth > maxDepth) throw this.#wrong(`nested deeper than ${maxDepth}`);
  }

  leave(): void {
    this.#depth -= 1;
  }

  /** The length before a string, bytes or a block. */
  #length(): number {
    const length = this.long();
    if (length < 0) throw this.#wrong(`a length is ${length}`);
    return Number(length);
  }

  /** Reads an integer of eight to ten bytes. */
  #wideLong(start: number): number | bigint {
    let sum = 0n;
    for (let index = 0; index < 10; index += 1) {
      const byte = this.#bytes[start + index] ?? this.#missing();
      sum |= BigInt(byte & 0x7f) << BigInt(7 * index);
      if (byte > 0x7f) continue;
      if (sum > 0xffff_ffff_ffff_ffffn) break;
      this.#at = start + index + 1;
      const value = (sum >> 1n) ^ -(sum & 1n);
      // A small number may be written with more bytes than it needs.
      return BigInt.asIntN(48, value) === value ? Number(value) : value;
    }
    throw this.#wrong('an integer has more than 64 bits');
  }

  #unicode(start: number, end: number): string {
    const text = this.#bytes.toString('utf8', start, end);
    // Invalid UTF-8 gives replacement characters; but such a character may also be in the data, so look again.
    if (!text.includes('\ufffd') || isUtf8(this.#bytes.subarray(start, end))) return text;
    throw new AvroSyntaxError(`the string of ${end - start} bytes at byte ${start} is not UTF-8`);
  }

  #missing(): never {
    throw new AvroSyntaxError(`the Avro value ends too early, at byte ${this.#bytes.length}`);
  }

  #wrong(what: string): AvroSyntaxError {
    return new AvroSyntaxError(`${what}, at byte ${this.#at} of the Avro value`);
  }
}
