import { readdir, readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { expect, test } from 'vitest';
import { exportedFolder } from '../../../connectors/export-directory/exported-folder.ts';
import { ContentHash } from '../../../connectors/export-directory/pending-file.ts';
import { verifyManifests } from '../../../pipeline/verify/verify.ts';
import { goldenLines } from '../../support/golden.ts';
import { chosenSeed, seededRandom } from '../../support/random.ts';
import { verifyingInFolder } from '../../support/verifying.ts';

const { run, pathOf, write, exported } = verifyingInFolder();
const seed = chosenSeed();
/** The share of all bytes that are changed in turn. */
const share = process.env.SOAK ? 1 : 0.1;

/** What is said of a manifest and its files without the log. */
async function answerOf(manifest: string): Promise<string> {
  const answers: string[] = [];
  const given = { path: manifest, bytes: await readFile(manifest), files: exportedFolder(path.dirname(manifest)) };
  await verifyManifests([given], { newHash: () => new ContentHash(), log: null }, (_, { answer }) =>
    answers.push(answer),
  );
  return answers.join();
}

test(`no changed byte of a small export's files or of its manifest goes unnoticed (contract 5.22, seed ${seed})`, {
  timeout: 600_000,
}, async () => {
  const random = seededRandom(seed);
  await write('log.ndjson', goldenLines('messy/events.ndjson').slice(0, 40).map(String));
  await run('ingest', 'log.ndjson');
  for (const form of [
    ['--compression', 'gzip', '--header'],
    ['--compression', 'zip'],
    ['--format', 'json'],
  ]) {
    const manifest = pathOf(await exported(...form));
    for (const name of await readdir(path.dirname(manifest))) {
      const file = path.join(path.dirname(manifest), name);
      const bytes = await readFile(file);
      for (const at of bytes.keys()) {
        if (random() >= share) continue;
        await writeFile(file, bytes.with(at, bytes[at]! ^ (1 << Math.floor(random() * 8))));
        const wanted = file === manifest ? 'manifest changed' : 'files differ';
        expect(await answerOf(manifest), `byte ${at} of ${name}, seed ${seed}`).toBe(wanted);
      }
      await writeFile(file, bytes);
    }
    expect(await answerOf(manifest), 'the files as they were').toBe('verified');
  }
});
