import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { packageRoot } from '../schemas/package-files.ts';

interface Package {
  readonly name: string;
  readonly version: string;
}

/** Name and version of Tidemark, from its package.json. */
export function readPackage(): Package {
  return JSON.parse(readFileSync(join(packageRoot(), 'package.json'), 'utf8')) as Package;
}
