/** What one file is made of: text around the lines of a query. */
export interface FilePlan {
  readonly head: string;
  /** Prepares and gives the query whose output are the lines. */
  query(): Promise<string>;
  readonly tail: string;
  /** Options of DuckDB's COPY. */
  readonly copyOptions: string;
  readonly columns: readonly string[];
  readonly valuesLeftOut: number;
  /** Makes the file's bytes of the query's, where the two differ; `rows` then counts what it made. */
  readonly transform: { take(bytes: Uint8Array): Uint8Array; end(): Uint8Array; readonly rows: number } | null;
  /** Lets go of what the plan holds, whether the file was written or not. */
  release(): void;
}
