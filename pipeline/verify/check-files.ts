import { TidemarkError } from '../errors.ts';
import type { Layout } from '../export/selection.ts';
import type { ContentFacts } from '../ports.ts';
import type { ExportedFile, ExportedFiles, NewHash } from './exported-files.ts';
import type { GivenManifest } from './given-manifest.ts';
import { RowSplitter } from './row-splitter.ts';

type ManifestFile = GivenManifest['files'][number];

/** What was found out about the files of a manifest. */
export interface FilesFound {
  /** How files differ from the manifest, by name; empty when none does. */
  readonly differences: ReadonlyMap<string, string>;
  /** What is worth saying of files that do not differ. */
  readonly notes: readonly string[];
  /** The files that are there, by name. */
  readonly present: ReadonlyMap<string, ExportedFile>;
}

interface PlainCheck {
  readonly layout: Layout;
  readonly newHash: NewHash;
}

/** Compares names, bytes, hashes and rows of the files with the manifest. */
export async function checkFiles(
  { files, versions }: GivenManifest,
  folder: ExportedFiles,
  check: PlainCheck,
): Promise<FilesFound> {
  const differences = new Map<string, string>();
  const notes: string[] = [];
  const present = new Map<string, ExportedFile>();
  for (const told of files) {
    const file = await folder.open(told.name);
    if (file === null) {
      differences.set(told.name, `${told.name} is not there`);
      continue;
    }
    present.set(told.name, file);
    const packed = await file.packed();
    const difference = await differenceOfPlain(file, told, check);
    if (difference !== null) differences.set(told.name, difference);
    else if (isSame(packed, told.packed_bytes, told.packed_sha256)) continue;
    else if (await isPackedElsewhere(file, packed, versions.zlib))
      notes.push(`${told.name} was packed by another version of zlib; its content is the same`);
    else differences.set(told.name, describe(told.name, '', packed, told.packed_bytes));
  }
  return { differences, notes, present };
}

/** Reads the plain content once. Returns how it differs from the manifest; null when it does not. */
async function differenceOfPlain(file: ExportedFile, told: ManifestFile, check: PlainCheck): Promise<string | null> {
  const hash = check.newHash();
  const splitter = new RowSplitter(check.layout.format);
  let lines = 0;
  try {
    for await (const bytes of file.plain()) {
      hash.add(bytes);
      for (const _ of splitter.add(bytes)) lines += 1;
    }
  } catch (error) {
    if (!(error instanceof TidemarkError)) throw error;
    return error.message;
  }
  const plain = hash.finish();
  if (!isSame(plain, told.bytes, told.sha256)) return describe(told.name, 'unpacked ', plain, told.bytes);
  const rows = lines - linesAround(check.layout);
  return rows === told.rows ? null : `${told.name} has ${rows} rows, the manifest says ${told.rows}`;
}

/** The lines of a file that are no rows: the header of CSV, the brackets of JSON. */
function linesAround({ format, header }: Layout): number {
  return { csv: header ? 1 : 0, json: 2, ndjson: 0 }[format];
}

async function isPackedElsewhere(file: ExportedFile, packed: ContentFacts, zlib: string): Promise<boolean> {
  if (zlib === process.versions.zlib) return false;
  const again = await file.packedAgain();
  return isSame(packed, again.bytes, again.sha256);
}

export function isSame(facts: ContentFacts, bytes: number, sha256: string): boolean {
  return facts.bytes === bytes && facts.sha256 === sha256;
}

function describe(name: string, how: string, { bytes }: ContentFacts, told: number): string {
  const sizes =
    bytes === told ? `${bytes} bytes, as the manifest says, but others` : `${bytes} bytes, the manifest says ${told}`;
  return `${name} ${how}has ${sizes}`;
}
