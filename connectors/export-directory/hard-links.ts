import { link, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { hasSystemCode, TidemarkError } from '../../pipeline/errors.ts';
import { digest, HIDDEN_START } from './hidden-names.ts';
import type { ExportRoot } from './root.ts';

/**
 * Throws `CONFIG_INVALID` when the file system of the root makes no hard links, without which no file gets its name. Links a
 * hidden file for that, and removes it; what a process that died meanwhile left is removed by the next call of that owner.
 * Where the file cannot be made, as on a full disk, nothing is known, and nothing is thrown: that may pass.
 */
export async function checkHardLinks(root: ExportRoot, owner: string): Promise<void> {
  const file = path.join(root.path, `${HIDDEN_START}probe-${digest(owner)}`);
  const second = `${file}-link`;
  try {
    await removeBoth(file, second);
    await writeFile(file, '', { flag: 'wx' });
    await link(file, second).catch(throwIfRefused(root));
  } catch (error) {
    if (error instanceof TidemarkError) throw error;
  } finally {
    await removeBoth(file, second).catch(() => undefined);
  }
}

async function removeBoth(file: string, second: string): Promise<void> {
  await rm(second, { force: true });
  await rm(file, { force: true });
}

/** The file was made by this process a moment ago, so that `EPERM` speaks of the file system and of no permission. */
function throwIfRefused({ configured }: ExportRoot): (error: unknown) => void {
  return error => {
    if (!hasSystemCode(error, 'EPERM', 'ENOSYS', 'ENOTSUP', 'EOPNOTSUPP', 'EMLINK')) return;
    const reason = error instanceof Error ? error.message : String(error);
    const needed = 'a file system with hard links is needed, because files get their names as links (not FAT or exFAT)';
    throw new TidemarkError('CONFIG_INVALID', `export_root ${JSON.stringify(configured)}: ${needed}; ${reason}`, {
      cause: error,
    });
  };
}
