/** What one file is made of: text around the lines of queries. */
export interface FilePlan {
  readonly head: string;
  /** True when no query would give a line: an empty window is answered without asking any. */
  readonly isEmpty: boolean;
  /** The queries whose output, in turn, are the lines; what one needs is prepared when it is asked for. */
  queries(): AsyncIterable<string>;
  readonly tail: string;
  /** Options of DuckDB's COPY. */
  readonly copyOptions: string;
  readonly columns: readonly string[];
  readonly valuesLeftOut: number;
  /** Makes the file's bytes of the queries', where the two differ; `rows` then counts what it made. */
  readonly transform: { take(bytes: Uint8Array): Uint8Array; end(): Uint8Array; readonly rows: number } | null;
  /** Lets go of what the plan holds, whether the file was written or not. */
  release(): void;
}
