/** Which services an export holds: those with the wanted event in `[timeFrom, timeTo)` (ms since 1970 UTC) and state. */
export interface Selection {
  readonly timeFrom: number;
  readonly timeTo: number;
  readonly filterEvents: 'any' | 'started' | 'completed';
  readonly filterState: 'any' | 'active' | 'inactive';
}

export type Compression = 'uncompressed' | 'zip' | 'gzip';

/** How the selected services are written. */
export interface Layout {
  readonly format: 'csv' | 'json' | 'ndjson';
  readonly compression: Compression;
  /** CSV only: one printable ASCII character, see `separators`. */
  readonly separator: string;
  readonly header: boolean;
  readonly extensions: 'columns' | 'json' | 'none';
  /** Fixed extension columns and their order; null: one column a path found. */
  readonly extensionColumns: readonly string[] | null;
}

/** The kinds of file a format makes, in the order they are written; `services` is always published last. */
export function fileKinds(format: Layout['format']): readonly FileKind[] {
  return format === 'csv' ? ['tasks', 'states', 'services'] : ['services'];
}

export type FileKind = 'services' | 'states' | 'tasks';
