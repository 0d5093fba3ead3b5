import { readFileSync } from 'node:fs';
import { Secret } from './secret.ts';
import { isSecret, settingNames } from './settings.ts';

/** Reads each secret whose `…_file` setting is given from that file, without a line end at the end; adds faults to the list. */
export function readSecretFiles(
  config: Record<string, unknown>,
  places: Record<string, string>,
  faults: string[],
): void {
  for (const name of settingNames.filter(isSecret)) {
    const setting = `${name}_file`;
    const file = config[setting];
    if (typeof file !== 'string') continue;
    const place = places[setting]!;
    if (config[name] instanceof Secret) {
      faults.push(
        `${place}: ${setting} is ${JSON.stringify(file)}, but ${places[name]} gives ${name} too; allowed is one`,
      );
      continue;
    }
    const read = readSecret(file);
    if (read instanceof Secret) config[name] = read;
    else faults.push(`${place}: ${setting} is ${JSON.stringify(file)}; ${read}`);
    places[name] = `${place}, ${file}`;
  }
}

/** The secret, or a sentence that says why it cannot be used. The content of the file is never part of a message. */
function readSecret(file: string): Secret | string {
  try {
    const text = readFileSync(file, 'utf8').replace(/\r?\n$/, '');
    return text === '' ? 'allowed is a file that is not empty' : new Secret(text);
  } catch (error) {
    return `it cannot be read: ${error instanceof Error ? error.message : String(error)}`;
  }
}
