import { TidemarkError } from '../../pipeline/errors.ts';
import { Secret } from './secret.ts';
import { readSettingFile, settingFault } from './setting-file.ts';
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
    try {
      config[name] = readSecret(setting, file);
    } catch (error) {
      if (!(error instanceof TidemarkError)) throw error;
      faults.push(`${place}: ${error.message}`);
    }
    places[name] = `${place}, ${file}`;
  }
}

/** Throws `CONFIG_INVALID`. The content of the file is never part of a message. */
function readSecret(setting: string, file: string): Secret {
  const { text } = readSettingFile(setting, file);
  if (text.trim() === '') throw settingFault({ setting, file }, 'allowed is a file that is not empty');
  return new Secret(text.replace(/\r?\n$/, ''));
}
