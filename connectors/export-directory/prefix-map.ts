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
 * The longest entry that the prefix begins with; null when there is none. Upper and lower case differ, but for the letter of
 * a drive, and in a Windows path `\` is `/`: Windows clients spell `C:/export` also as `c:\export`. An entry that does
 * not end in a separator stands for a folder and for file names that begin so, but not for another folder that begins with
 * the same letters: `C:/exports/x` does not match `C:/export`.
 */
export function findMapping(filePrefix: string, map: PrefixMap): Mapping | null {
  const wanted = withoutWindows(filePrefix);
  const entries = Object.entries(map).sort(([left], [right]) => right.length - left.length);
  for (const [spelled, folder] of entries) {
    const foreign = withoutWindows(spelled);
    if (!wanted.startsWith(foreign)) continue;
    const rest = wanted.slice(foreign.length);
    const atBorder = /[/\\]$/.test(foreign) || rest.startsWith('/');
    if (atBorder || !rest.includes('/')) return { folder, rest: rest.replace(/^\/+/, '') };
  }
  return null;
}

/** A path with a drive, or of a Windows share, in its one spelling; any other prefix as it is. */
function withoutWindows(prefix: string): string {
  if (!/^([A-Za-z]:|\\\\)/.test(prefix)) return prefix;
  return prefix.replaceAll('\\', '/').replace(/^[a-z]:/, drive => drive.toUpperCase());
}

/** What is wrong with the entries: an empty prefix, a folder that is not a plain path inside the root, a prefix twice. */
export function prefixMapFaults(map: PrefixMap): readonly string[] {
  const known = new Map<string, string>();
  return Object.entries(map).flatMap(([foreign, folder]) => {
    const entry = `prefix_map entry ${JSON.stringify(foreign)}: ${JSON.stringify(folder)}`;
    const before = known.get(withoutWindows(foreign));
    known.set(withoutWindows(foreign), foreign);
    if (before !== undefined)
      return [`${entry} is the entry ${JSON.stringify(before)} again; allowed is each prefix once`];
    const components = folder.split('/');
    const leaves = folder.startsWith('/') || components.includes('..') || /[\\\p{Cc}]/u.test(folder);
    if (foreign !== '' && !leaves) return [];
    const allowed = 'a prefix of at least one character, and a folder relative to the export root without ".."';
    return [`${entry} is not allowed; allowed is ${allowed}`];
  });
}
