import { readFile } from 'node:fs/promises';
import { readFailure } from '../../connectors/disk.ts';
import { TidemarkError } from '../../pipeline/errors.ts';
import { allowedPlaces, type LogPlace, readLogPlace } from '../../pipeline/requests/log-place.ts';
import { type GivenManifest, isVerdict, readManifest } from '../../pipeline/verify/given-manifest.ts';

/** A place in the log, as `--until` of `replay` names it. */
export type Place = LogPlace | { readonly at: 'manifest'; readonly manifest: GivenManifest };

/** Reads the value of `--from`. Throws `USAGE` for what is no place. */
export function readFrom(text: string): LogPlace {
  return readLogPlace(text) ?? refuse('--from', text, allowedPlaces);
}

/** Reads the value of `--until`. Throws `USAGE` for what is no place, and for a manifest that was changed. */
export async function readUntil(text: string): Promise<Place> {
  if (text.startsWith('manifest:')) return readManifestPlace(text.slice('manifest:'.length));
  return readLogPlace(text) ?? refuse('--until', text, `${allowedPlaces}, and manifest:<path>`);
}

function refuse(option: string, text: string, allowed: string): never {
  throw new TidemarkError('USAGE', `${option} is ${JSON.stringify(text)}; allowed are ${allowed}`);
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
