import { closeSync, openSync, readSync, unlinkSync, writeSync } from 'node:fs';
import type { Entity } from '../../../schemas/events/events.ts';
import type { Slice } from '../../../schemas/exports/row-addresses.ts';
import type { ApartExtension, ApartExtensions } from './apart-extensions.ts';

/** How placeholders look in a file's lines, and the text that replaces one: row by row, in parts. */
export interface ApartForm {
  /** What stands before the key of the row, and after it. */
  readonly before: string;
  readonly after: string;
  /** The texts for a row's extensions. They are taken one by one, so that a text may hold one extension only. */
  render(extensions: AsyncIterable<ApartExtension>): AsyncIterable<string>;
}

/** Where the text of a row lies in a scratch file. */
interface Placed {
  readonly file: ScratchFile;
  readonly from: number;
  readonly to: number;
}

/** At most this many bytes of a row's text are read at once. */
const readBytes = 1 << 20;

/**
 * Replaces the placeholders in a file's lines by the extensions that are kept apart. While DuckDB writes the lines of a
 * slice, its connection can answer nothing else, so the texts of the slice's rows are written to a scratch file before.
 */
export class ApartInsertion {
  readonly #apart: ApartExtensions;
  readonly #form: ApartForm;
  readonly #scratchPath: string;
  readonly #before: Buffer;
  readonly #after: Buffer;
  readonly #texts = new Map<string, Placed>();
  readonly #files = new Set<ScratchFile>();
  #rest: Buffer = Buffer.alloc(0);

  /** `scratchPath` is the beginning of the paths of scratch files. */
  constructor(apart: ApartExtensions, form: ApartForm, scratchPath: string) {
    this.#apart = apart;
    this.#form = form;
    this.#scratchPath = scratchPath;
    this.#before = Buffer.from(form.before);
    this.#after = Buffer.from(form.after);
  }

  /** To be called before the lines of the slice arrive. */
  async prepare(entity: Entity, slice: Slice): Promise<void> {
    let file: ScratchFile | null = null;
    for await (const [row, extensions] of byRow(this.#apart.read(entity, slice))) {
      if (file === null) {
        file = new ScratchFile(`${this.#scratchPath}.${entity}-apart-${slice.firstRank}`);
        this.#files.add(file);
      }
      const from = file.length;
      for await (const text of this.#form.render(extensions)) file.add(text);
      this.#texts.set(this.#apart.keyOf(entity, row), { file, from, to: file.length });
      file.rows += 1;
    }
    file?.flush();
  }

  /** Takes the next bytes of the file; returns those that are ready, in parts. */
  *take(bytes: Uint8Array): Generator<Uint8Array> {
    const data = Buffer.concat([this.#rest, bytes]);
    let done = 0;
    for (let found = data.indexOf(this.#before); found >= 0; found = data.indexOf(this.#before, done)) {
      const keyEnd = data.indexOf(this.#after, found + this.#before.length);
      if (keyEnd < 0) {
        yield data.subarray(done, found);
        this.#rest = data.subarray(found);
        return;
      }
      yield data.subarray(done, found);
      yield* this.#text(data.toString('latin1', found + this.#before.length, keyEnd));
      done = keyEnd + this.#after.length;
    }
    // The beginning of a placeholder may be at the end of the bytes.
    const kept = Math.max(done, data.length - this.#before.length + 1);
    yield data.subarray(done, kept);
    this.#rest = data.subarray(kept);
  }

  /** Returns the last bytes of the file. */
  end(): Uint8Array {
    return this.#rest;
  }

  *#text(key: string): Generator<Uint8Array> {
    const { file, from, to } = this.#texts.get(key)!;
    for (let at = from; at < to; at += readBytes) yield file.read(at, Math.min(to, at + readBytes));
    this.#texts.delete(key);
    file.rows -= 1;
    if (file.rows > 0) return;
    file.close();
    this.#files.delete(file);
  }

  /** Closes the scratch files. */
  release(): void {
    for (const file of this.#files) file.close();
    this.#files.clear();
  }
}

/** Written texts wait until they have this many bytes. */
const writeBytes = 1 << 20;

/** A file without a name: it is gone when it is closed, or when this process dies. */
class ScratchFile {
  readonly #file: number;
  #waiting: Buffer[] = [];
  #waitingBytes = 0;
  length = 0;
  /** How many rows have a text here that was not inserted yet. */
  rows = 0;

  constructor(path: string) {
    this.#file = openSync(path, 'wx+', 0o600);
    unlinkSync(path);
  }

  add(text: string): void {
    const bytes = Buffer.from(text);
    this.#waiting.push(bytes);
    this.#waitingBytes += bytes.length;
    this.length += bytes.length;
    if (this.#waitingBytes >= writeBytes) this.flush();
  }

  flush(): void {
    const bytes = Buffer.concat(this.#waiting);
    for (let at = 0; at < bytes.length; ) at += writeSync(this.#file, bytes, at);
    this.#waiting = [];
    this.#waitingBytes = 0;
  }

  read(from: number, to: number): Buffer {
    const bytes = Buffer.allocUnsafe(to - from);
    for (let at = 0; at < bytes.length; ) {
      const count = readSync(this.#file, bytes, at, bytes.length - at, from + at);
      if (count === 0) throw new Error(`a scratch file ends at byte ${from + at}, before byte ${to}`);
      at += count;
    }
    return bytes;
  }

  close(): void {
    closeSync(this.#file);
  }
}

/** Groups extensions by their rows. The extensions of a row must be taken before the next row is. */
export async function* byRow(
  extensions: AsyncIterable<ApartExtension>,
): AsyncGenerator<readonly [row: number, extensions: AsyncIterable<ApartExtension>]> {
  const reader = extensions[Symbol.asyncIterator]();
  let next = await reader.next();
  while (!next.done) {
    const { row } = next.value;
    async function* ofRow(): AsyncGenerator<ApartExtension> {
      while (!next.done && next.value.row === row) {
        yield next.value;
        next = await reader.next();
      }
    }
    yield [row, ofRow()];
  }
}

/** A row's extensions as one JSON object, in pieces. */
export async function* jsonObject(extensions: AsyncIterable<ApartExtension>): AsyncGenerator<string> {
  let separator = '{';
  for await (const { nameJson, json } of extensions) {
    yield `${separator}${nameJson}:`;
    yield json;
    separator = ',';
  }
  yield '}';
}
