import { execFile } from 'node:child_process';
import { accessSync, constants } from 'node:fs';
import path from 'node:path';
import { promisify } from 'node:util';
import type { Running } from './kafka/layers.ts';

const names = ['chromium', 'chromium-browser', 'google-chrome'];

/**
 * The program of a Chromium: one that is installed, else Debian's package, installed where we are root and have apt-get,
 * as in continuous integration. Throws if there is none.
 */
export async function anyBrowser(): Promise<Running<string>> {
  const found = installedBrowser();
  if (found !== null) return { layer: 'installed', value: found, stop: async () => undefined };
  if (process.getuid?.() !== 0 || program('apt-get') === null) {
    throw new Error(`these tests have no browser: none of ${names.join(', ')} is installed, nor may we install one`);
  }
  await aptInstall('chromium');
  const made = installedBrowser();
  if (made === null) throw new Error('these tests have no browser: apt-get installed chromium, but it is not there');
  return { layer: 'packages', value: made, stop: async () => undefined };
}

function installedBrowser(): string | null {
  return names.map(program).find(file => file !== null) ?? null;
}

function program(name: string): string | null {
  const files = (process.env.PATH ?? '').split(path.delimiter).map(folder => path.join(folder, name));
  return files.find(isExecutable) ?? null;
}

function isExecutable(file: string): boolean {
  try {
    accessSync(file, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

async function aptInstall(name: string): Promise<void> {
  const apt = (...args: readonly string[]) =>
    promisify(execFile)('apt-get', ['-q', '-o', 'DPkg::Lock::Timeout=300', ...args], {
      env: { ...process.env, DEBIAN_FRONTEND: 'noninteractive' },
      maxBuffer: 64 << 20,
    });
  try {
    await apt('update');
    await apt('install', '-y', '--no-install-recommends', name);
  } catch (cause) {
    const { stderr = '' } = cause as { readonly stderr?: string };
    throw new Error(`these tests have no browser: apt-get did not install ${name}: ${stderr.slice(-500)}`, { cause });
  }
}
