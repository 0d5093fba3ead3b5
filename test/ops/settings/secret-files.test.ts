import { writeFile } from 'node:fs/promises';
import path from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { readConfig } from '../../../ops/settings/config.ts';
import { temporaryFolder } from '../../support/temporary-folder.ts';

test.each([
  [' two words ', ' two words '],
  [' two words \r\n', ' two words '],
  ['two lines\n\n', 'two lines\n'],
])(
  'a file that holds %j gives the secret %j: one line end at its end is left out, and nothing else',
  async (content, expected) => {
    const folder = await temporaryFolder();
    onTestFinished(() => folder.remove());
    const file = path.join(folder.path, 'password');
    await writeFile(file, content);
    const { config } = readConfig({ file: null, environment: { TIDEMARK_REGISTRY_PASSWORD_FILE: file }, flags: {} });
    expect(config.registry_password?.reveal(), 'the registry would get another password than the file holds').toBe(
      expected,
    );
  },
);
