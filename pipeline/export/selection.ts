import type { Entity } from '../../schemas/events/events.ts';

/** Which services an export selects: by a start or end in `[timeFrom, timeTo)`, in milliseconds since 1970 UTC, and by state. */
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
  /** CSV only: one printable ASCII character or a tab. */
  readonly separator: string;
  readonly header: boolean;
  readonly extensions: 'columns' | 'json' | 'none';
  /** Fixed extension columns in their order; null: one column for each path found in the rows. */
  readonly extensionColumns: readonly string[] | null;
}

/** The kinds of file a format makes, in the order they are written; `services` is always published last. */
export function fileKinds(format: Layout['format']): readonly FileKind[] {
  return format === 'csv' ? ['tasks', 'states', 'services'] : ['services'];
}

export type FileKind = 'services' | 'states' | 'tasks';

/** The rows that a file of a kind holds. */
export const entityOf: Readonly<Record<FileKind, Entity>> = { services: 'service', states: 'state', tasks: 'task' };
