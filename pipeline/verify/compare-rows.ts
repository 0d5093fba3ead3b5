import type { Layout } from '../export/selection.ts';
import type { ByteSink } from '../ports.ts';
import { RowSplitter } from './row-splitter.ts';

const comma = 0x2c;

/** The first row that differs. A side is null where it has no further row. */
export interface RowDifference {
  /** The number of the line, from 1. */
  readonly line: number;
  readonly inFile: string | null;
  readonly fromLog: string | null;
}

interface Sides {
  readonly layout: Pick<Layout, 'format' | 'separator'>;
  /** The content of the exported file. */
  readonly file: AsyncIterable<Uint8Array>;
  /** Writes the content that was made again from the log. */
  write(sink: ByteSink): Promise<unknown>;
  /** The ids of services whose rows are left out on both sides. */
  readonly without: ReadonlySet<string>;
}

/** Compares two contents row by row; null when no row differs. Only one row of each is held at a time. */
export async function findDifference({ layout, file, write, without }: Sides): Promise<RowDifference | null> {
  const isCompared = (row: Buffer): boolean => without.size === 0 || !without.has(serviceOf(row, layout));
  // Where lines of a JSON array are left out, another one is the last, which has no comma.
  const compared = (row: Buffer): Buffer =>
    without.size > 0 && layout.format === 'json' && row.at(-1) === comma ? row.subarray(0, -1) : row;
  const rows = rowsOf(file, layout.format, isCompared);
  const made = new RowSplitter(layout.format);
  let line = 0;
  let found: RowDifference | null = null;
  const compare = async (fromLog: Buffer): Promise<void> => {
    if (found !== null || !isCompared(fromLog)) return;
    line += 1;
    const { value: inFile } = await rows.next();
    if (inFile === undefined || !compared(inFile).equals(compared(fromLog)))
      found = { line, inFile: inFile?.toString() ?? null, fromLog: fromLog.toString() };
  };
  try {
    await write(async bytes => {
      for (const row of made.add(bytes)) await compare(row);
    });
    const last = made.end();
    if (last !== null) await compare(last);
    if (found !== null) return found;
    const { value: further } = await rows.next();
    return further === undefined ? null : { line: line + 1, inFile: further.toString(), fromLog: null };
  } finally {
    await rows.return(undefined);
  }
}

async function* rowsOf(
  content: AsyncIterable<Uint8Array>,
  format: Layout['format'],
  isCompared: (row: Buffer) => boolean,
): AsyncGenerator<Buffer, undefined> {
  const splitter = new RowSplitter(format);
  for await (const bytes of content) for (const row of splitter.add(bytes)) if (isCompared(row)) yield row;
  const last = splitter.end();
  if (last !== null && isCompared(last)) yield last;
  return undefined;
}

/** The id of the service of a row; the row itself, which is no id, for a line that is no row. */
function serviceOf(row: Buffer, { format, separator }: Sides['layout']): string {
  const text = row.toString();
  if (format !== 'csv') {
    const id = /^\{"service_id":("(?:[^"\\]|\\.)*")/.exec(text)?.[1];
    return id === undefined ? text : String(JSON.parse(id));
  }
  const quoted = /^"((?:[^"]|"")*)"/.exec(text)?.[1];
  return quoted?.replaceAll('""', '"') ?? text.split(separator, 1)[0]!;
}
