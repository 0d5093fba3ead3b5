import { realpathSync } from 'node:fs';
import { resolve } from 'node:path';
import type { Run } from '../command.ts';
import { type SettingName, settingNames } from '../settings/settings.ts';
import type { ServiceClient } from './client.ts';

/**
 * Says which settings of a command do not apply because the running service answers with its own: those given as flags,
 * and an export root that is not the service's. Settings of a file or a variable are usually those of the service too.
 */
export function tellUnusedSettings({ config, places, output }: Run, { exportRoot }: ServiceClient): void {
  const isUnused = (name: SettingName): boolean => {
    if (name === 'db') return false;
    if (name !== 'export_root') return isFlag(places[name]);
    return places.export_root !== 'default' && realPath(config.export_root) !== exportRoot;
  };
  const unused = settingNames.filter(isUnused).map(name => {
    const value = JSON.stringify(config[name]);
    return isFlag(places[name]) ? `${places[name]} ${value}` : `${name} ${value} of ${places[name]}`;
  });
  if (unused.length === 0) return;
  const own = `the running service does this with its own settings, in its export root ${exportRoot}`;
  output.notice(`${own}; these of the command do not apply: ${unused.join(', ')}`);
}

function isFlag(place: string): boolean {
  return place.startsWith('--');
}

function realPath(folder: string): string {
  try {
    return realpathSync(folder);
  } catch {
    return resolve(folder);
  }
}
