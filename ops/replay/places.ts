import { readFile } from 'node:fs/promises';
import { readFailure } from '../../connectors/disk.ts';
import { TidemarkError } from '../../pipeline/errors.ts';
import { type GivenManifest, isVerdict, readManifest } from '../../pipeline/verify/given-manifest.ts';
import { parseTimestamp } from '../../schemas/json/timestamps.ts';

/** A place in the log, as `--from` and `--until` of `replay` name it. */
export type Place =
  | { readonly at: 'beginning' | 'now' }
  /** Milliseconds since 1970 UTC, compared with the times that the log keeps of its records. */
  | { readonly at: 'time'; readonly time: number }
  /** By partition, as `topic/partition`. */
  | { readonly at: 'offsets'; readonly offsets: ReadonlyMap<string, number> }
  | { readonly at: 'manifest'; readonly manifest: GivenManifest };

const allowed = 'allowed are beginning, now, a time with a zone such as 2026-01-31T00:00:00Z, topic/partition=offset,…';

/** Reads the value of an option. Throws `USAGE` for what is no place, and for a manifest that was changed. */
export async function readPlace(option: '--from' | '--until', text: string): Promise<Place> {
  if (text === 'beginning' || text === 'now') return { at: text };
  if (option === '--until' && text.startsWith('manifest:')) return readManifestPlace(text.slice('manifest:'.length));
  const time = parseTimestamp(text);
  if (typeof time === 'number') return { at: 'time', time };
  const offsets = new Map<string, number>();
  for (const each of text.split(',')) {
    const [, name, offset] = /^(.+\/\d+)=(\d{1,15})$/.exec(each) ?? [];
    if (name === undefined || offsets.has(name)) {
      const manifest = option === '--until' ? ', and manifest:<path>' : '';
      throw new TidemarkError('USAGE', `${option} is ${JSON.stringify(text)}; ${allowed}${manifest}`);
    }
    offsets.set(name, Number(offset));
  }
  return { at: 'offsets', offsets };
}

async function readManifestPlace(path: string): Promise<Place> {
  const bytes = await readFile(path).catch(error => {
    throw readFailure(error, path);
  });
  const manifest = readManifest(bytes);
  if (isVerdict(manifest))
    throw new TidemarkError(
      'USAGE',
      `--until names the manifest ${path}, which was changed: ${manifest.details.join('; ')}`,
    );
  return { at: 'manifest', manifest };
}
