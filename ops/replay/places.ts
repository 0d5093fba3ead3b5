import { readFile } from 'node:fs/promises';
import { readFailure } from '../../connectors/disk.ts';
import { TidemarkError } from '../../pipeline/errors.ts';
import { allowedPlaces, type LogPlace, readLogPlace } from '../../pipeline/requests/log-place.ts';
import { type GivenManifest, isVerdict, readManifest } from '../../pipeline/verify/given-manifest.ts';

/** A place in the log, as `--from` and `--until` of `replay` name it. */
export type Place = LogPlace | { readonly at: 'manifest'; readonly manifest: GivenManifest };

/** Reads the value of an option. Throws `USAGE` for what is no place, and for a manifest that was changed. */
export async function readPlace(option: '--from' | '--until', text: string): Promise<Place> {
  if (option === '--until' && text.startsWith('manifest:')) return readManifestPlace(text.slice('manifest:'.length));
  const place = readLogPlace(text);
  if (place !== null) return place;
  const manifest = option === '--until' ? ', and manifest:<path>' : '';
  throw new TidemarkError('USAGE', `${option} is ${JSON.stringify(text)}; allowed are ${allowedPlaces}${manifest}`);
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
