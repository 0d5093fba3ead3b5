import { TidemarkError } from '../../pipeline/errors.ts';
import { HIDDEN_START } from './hidden-names.ts';
import { findMapping, type PrefixMap } from './prefix-map.ts';
import type { ExportRoot } from './root.ts';

/** A prefix as text, before the disk is read. */
interface ParsedPrefix {
  /** Folders below the export root. */
  readonly folders: readonly string[];
  /** The beginning of the file names. */
  readonly stem: string;
}

/** The longest text that is appended to a stem; its digits stand for the stamp. */
const LONGEST_ENDING = '00000000_000000_000_services.ndjson.zip';
const MAX_NAME_BYTES = 255;
/** Linux allows 4,096 with the NUL at the end. */
const MAX_PATH_BYTES = 4_095;
const INSIDE = 'a path relative to the export root, or an absolute one inside it, with / between folders';

/**
 * Reads a `file_prefix`: everything up to the last `/` is the folder, the rest is the stem, which may be empty. `.` and
 * doubled slashes between folders are ignored, as in POSIX. Throws `PREFIX_REFUSED`.
 */
export function parsePrefix(filePrefix: string, root: ExportRoot, map: PrefixMap): ParsedPrefix {
  checkCharacters(filePrefix);
  const inside = insideRoot(filePrefix, root, map);
  const folders = inside.split('/');
  const stem = folders.pop() ?? '';
  const parsed = { folders: folders.filter(folder => folder !== '' && folder !== '.'), stem };
  checkNames(filePrefix, parsed);
  checkLength(filePrefix, [root.path, ...parsed.folders, stem].join('/'));
  return parsed;
}

/** The refusal of a `file_prefix`: what was given, why it is refused, and what is allowed. */
export function prefixRefused(filePrefix: string, reason: string, allowed: string, cause?: unknown): TidemarkError {
  const message = `file_prefix ${JSON.stringify(filePrefix)} ${reason}; allowed is ${allowed}`;
  return new TidemarkError('PREFIX_REFUSED', message, cause === undefined ? undefined : { cause });
}

function checkCharacters(filePrefix: string): void {
  if (filePrefix === '') throw prefixRefused(filePrefix, 'is empty', INSIDE);
  if (/\p{Cc}/u.test(filePrefix)) throw prefixRefused(filePrefix, 'holds a control character', 'printable text');
  if (!filePrefix.isWellFormed())
    throw prefixRefused(filePrefix, 'is not valid Unicode (it holds a lone surrogate)', 'Unicode text');
  if (filePrefix.split(/[/\\]/).includes('..')) throw prefixRefused(filePrefix, 'holds the component ".."', INSIDE);
}

/** The prefix as a path below the root, without its leading slash. */
function insideRoot(filePrefix: string, root: ExportRoot, map: PrefixMap): string {
  const mapping = findMapping(filePrefix, map);
  if (mapping) {
    if (mapping.rest.includes('\\')) throw prefixRefused(filePrefix, 'holds a backslash', INSIDE);
    return `${mapping.folder}/${mapping.rest}`;
  }
  if (/^([A-Za-z]:|[A-Za-z][A-Za-z0-9+.-]*:\/)/.test(filePrefix)) {
    throw prefixRefused(
      filePrefix,
      'begins with a drive or a scheme that has no entry in the setting prefix_map',
      INSIDE,
    );
  }
  if (filePrefix.includes('\\')) throw prefixRefused(filePrefix, 'holds a backslash', INSIDE);
  return filePrefix.startsWith('/') ? belowRoot(filePrefix, root) : filePrefix;
}

/** Removes the root, as configured or as its real path, from an absolute prefix. */
function belowRoot(filePrefix: string, root: ExportRoot): string {
  const components = filePrefix.split('/').slice(1);
  const stem = components.pop() ?? '';
  const folders = components.filter(folder => folder !== '' && folder !== '.');
  for (const spelling of [root.configured, root.path]) {
    const top = spelling.split('/').filter(folder => folder !== '');
    if (top.every((folder, depth) => folders[depth] === folder)) return [...folders.slice(top.length), stem].join('/');
  }
  const reason = `is outside the export root ${root.configured} and has no entry in the setting prefix_map`;
  throw prefixRefused(filePrefix, reason, `${INSIDE} (such as ${root.configured}/export_)`);
}

function checkNames(filePrefix: string, { folders, stem }: ParsedPrefix): void {
  if (stem === '.') throw prefixRefused(filePrefix, 'ends in the component "."', 'a folder with / at its end');
  if (stem.toLowerCase().startsWith(HIDDEN_START)) {
    throw prefixRefused(
      filePrefix,
      `begins file names with ${HIDDEN_START}`,
      'any other beginning, as hidden files begin so',
    );
  }
  const names = [...folders, stem + LONGEST_ENDING];
  const long = names.find(name => Buffer.byteLength(name) > MAX_NAME_BYTES);
  if (long === undefined) return;
  const allowed = `at most ${MAX_NAME_BYTES} bytes for a name, including stamp and ending (${LONGEST_ENDING.length} bytes)`;
  throw prefixRefused(filePrefix, `makes a name of ${Buffer.byteLength(long)} bytes`, allowed);
}

function checkLength(filePrefix: string, path: string): void {
  const bytes = Buffer.byteLength(path + LONGEST_ENDING);
  if (bytes <= MAX_PATH_BYTES) return;
  const allowed = `at most ${MAX_PATH_BYTES} bytes, including export root, stamp and ending`;
  throw prefixRefused(filePrefix, `makes a path of ${bytes} bytes`, allowed);
}
