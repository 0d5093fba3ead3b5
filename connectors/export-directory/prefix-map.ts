import { TidemarkError } from '../../pipeline/errors.ts';

/**
 * The setting `prefix_map`: foreign prefix → folder relative to the export root.
 * `{"C:/": "c"}` puts `C:/export` into folder `c` with the stem `export`; `{"C:/export": "genesys"}` puts the same
 * prefix into folder `genesys` with an empty stem, `C:/export_` with the stem `_`, and `C:/export/daily_` with `daily_`.
 */
export type PrefixMap = Readonly<Record<string, string>>;

interface Mapping {
  /** Relative to the export root, without a slash at its end; empty for the root itself. */
  readonly folder: string;
  /** The prefix's own text after the mapped part, without a leading slash. */
  readonly rest: string;
}

/**
 * The longest entry that the prefix begins with (upper and lower case differ); null when there is none. An entry that does
 * not end in a separator stands for a folder and for file names that begin so, but not for another folder that begins with
 * the same letters: `C:/exports/x` does not match `C:/export`.
 */
export function findMapping(filePrefix: string, map: PrefixMap): Mapping | null {
  const entries = Object.entries(map).sort(([left], [right]) => right.length - left.length);
  for (const [foreign, folder] of entries) {
    if (!filePrefix.startsWith(foreign)) continue;
    const rest = filePrefix.slice(foreign.length);
    const atBorder = /[/\\]$/.test(foreign) || rest.startsWith('/');
    if (atBorder || !rest.includes('/')) return { folder, rest: rest.replace(/^\/+/, '') };
  }
  return null;
}

/** Throws `CONFIG_INVALID` for an entry with an empty prefix, or with a folder that is not a plain path inside the root. */
export function checkPrefixMap(map: PrefixMap): void {
  for (const [foreign, folder] of Object.entries(map)) {
    const components = folder.split('/');
    const leaves = folder.startsWith('/') || components.includes('..') || /[\\\p{Cc}]/u.test(folder);
    if (foreign !== '' && !leaves) continue;
    const entry = `prefix_map entry ${JSON.stringify(foreign)}: ${JSON.stringify(folder)}`;
    const allowed = 'a prefix of at least one character, and a folder relative to the export root without ".."';
    throw new TidemarkError('CONFIG_INVALID', `${entry} is not allowed; allowed is ${allowed}`);
  }
}
