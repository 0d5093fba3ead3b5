import type { Compression, Layout } from './selection.ts';

const packedEndings: Readonly<Record<Compression, string>> = { uncompressed: '', zip: '.zip', gzip: '.gz' };

/** `<stem><yyyyMMdd>_<HHmmss>_<SSS>_<kind>.<format>[.zip|.gz]`, the stamp in UTC (contract 4.1). */
export function exportFileName(
  stem: string,
  stamp: number,
  kind: string,
  layout: Pick<Layout, 'format' | 'compression'>,
): string {
  return `${stampedName(stem, stamp, kind)}.${layout.format}${packedEndings[layout.compression]}`;
}

export function manifestFileName(stem: string, stamp: number): string {
  return `${stampedName(stem, stamp, 'manifest')}.json`;
}

/** The paths that an answer lists: those of the files without the manifest, with the prefix as the client spelled it. */
export function answeredPaths({
  destination: { spelled, stem },
  names,
}: {
  readonly destination: { readonly spelled: string; readonly stem: string };
  readonly names: readonly string[];
}): readonly string[] {
  return names.filter(name => !name.endsWith('_manifest.json')).map(name => `${spelled}${name.slice(stem.length)}`);
}

function stampedName(stem: string, stamp: number, kind: string): string {
  const digits = new Date(stamp).toISOString().replaceAll(/\D/g, '');
  return `${stem}${digits.slice(0, 8)}_${digits.slice(8, 14)}_${digits.slice(14)}_${kind}`;
}
