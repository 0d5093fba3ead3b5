const LF = 0x0a;
const quote = 0x22;

/**
 * Splits the plain content of an exported file into its rows, each without its line feed. A CSV row may hold line feeds
 * between quotation marks; a line of JSON or NDJSON holds none.
 */
export class RowSplitter {
  readonly #isCsv: boolean;
  /** The beginning of a row whose end has not come yet. */
  #rest: Buffer[] = [];
  #isQuoted = false;

  constructor(format: 'csv' | 'json' | 'ndjson') {
    this.#isCsv = format === 'csv';
  }

  /** Yields each row that these bytes end. */
  *add(bytes: Uint8Array): Generator<Buffer> {
    const chunk = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    let from = 0;
    for (let at = 0; at < chunk.length; ) {
      const end = chunk.indexOf(LF, at);
      const upTo = end === -1 ? chunk.length : end;
      if (this.#isCsv) this.#countQuotes(chunk, at, upTo);
      at = upTo + 1;
      if (end === -1 || this.#isQuoted) continue;
      yield this.#rest.length === 0
        ? chunk.subarray(from, end)
        : Buffer.concat([...this.#rest, chunk.subarray(from, end)]);
      this.#rest = [];
      from = at;
    }
    // A copy, because the caller may use its buffer again.
    if (from < chunk.length) this.#rest.push(Buffer.from(chunk.subarray(from)));
  }

  /** What follows the last line feed; null when nothing does. */
  end(): Buffer | null {
    return this.#rest.length === 0 ? null : Buffer.concat(this.#rest);
  }

  #countQuotes(chunk: Buffer, from: number, upTo: number): void {
    for (let at = chunk.indexOf(quote, from); at !== -1 && at < upTo; at = chunk.indexOf(quote, at + 1))
      this.#isQuoted = !this.#isQuoted;
  }
}
