import { stringify } from 'csv-stringify/sync';
import { storedExtension } from '../../../schemas/events/extensions.ts';
import { parseJson } from '../../../schemas/json/json.ts';
import type { ApartExtension, ApartExtensions } from './apart-extensions.ts';
import { type ApartForm, byRow, jsonObject } from './apart-insertion.ts';

/** The placeholder in a CSV file whose column `extensions` holds a JSON object: it is quoted, as each object is. */
export function csvObjectForm({ placeholder }: ApartExtensions): ApartForm {
  return {
    before: `"{""${placeholder}"":`,
    after: '}"',
    async *render(extensions) {
      yield '"';
      for await (const text of jsonObject(extensions)) yield text.replaceAll('"', '""');
      yield '"';
    },
  };
}

/** Ends a row's key in the first extension column. */
export const keyEnd = 'e';

/** The placeholder in a CSV file with a column for each path: the first column holds it, the others are empty. */
export function csvColumnsForm(
  { placeholder }: ApartExtensions,
  paths: readonly string[],
  separator: string,
): ApartForm {
  const positions = new Map(paths.map((path, position) => [path, position]));
  return {
    before: placeholder,
    after: keyEnd + separator.repeat(paths.length - 1),
    async *render(extensions) {
      const texts = new Array<string>(paths.length).fill('');
      for await (const { name, json } of extensions)
        for (const [path, text] of flattened(name, json)) {
          const position = positions.get(path);
          if (position !== undefined) texts[position] = csvField(text, separator);
        }
      // Field by field: all together may be longer than a string can be.
      for (const [position, text] of texts.entries()) yield position === 0 ? text : `${separator}${text}`;
    },
  };
}

/** The paths of extensions of a row with their texts; of two equal paths, the later has the value (contract 4.11). */
function flattened(name: string, json: string): readonly (readonly [path: string, text: string])[] {
  const { paths, texts } = storedExtension(name, parseJson(json));
  return paths.map((path, index) => [path, texts[index]!]);
}

/** The paths that no earlier row has, by the row that has them first. Rows without a new path are left out. */
export async function* newPaths(
  extensions: AsyncIterable<ApartExtension>,
): AsyncGenerator<{ readonly row: number; readonly paths: readonly string[] }> {
  const known = new Set<string>();
  for await (const [row, ofRow] of byRow(extensions)) {
    const paths: string[] = [];
    for await (const { name, json } of ofRow)
      for (const [path] of flattened(name, json)) {
        if (known.has(path)) continue;
        known.add(path);
        paths.push(path);
      }
    if (paths.length > 0) yield { row, paths };
  }
}

/** How many values of the rows have no column, because the columns are fixed (contract 4.13). */
export async function countLeftOutApart(
  extensions: AsyncIterable<ApartExtension>,
  columns: readonly string[],
): Promise<number> {
  let count = 0;
  for await (const [, ofRow] of byRow(extensions)) {
    const done = new Set(columns);
    for await (const { name, json } of ofRow)
      for (const [path] of flattened(name, json)) {
        if (done.has(path)) continue;
        done.add(path);
        count += 1;
      }
  }
  return count;
}

/** A value as DuckDB's writer quotes it (contract 4.7). */
function csvField(text: string, separator: string): string {
  return stringify([[text]], { ...csvOptions(separator), eof: false });
}

/** The options of a line that is quoted as contract 4.7 says. */
export function csvOptions(delimiter: string) {
  return { delimiter, quoted_match: /[#\r\n]/, quoted_empty: true, record_delimiter: '\n' } as const;
}
