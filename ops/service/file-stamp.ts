import { statSync } from 'node:fs';

/** A text that differs after one of the files was written, replaced or removed. */
export function stampOf(files: readonly string[]): string {
  return files.map(stampOfOne).join(', ');
}

function stampOfOne(file: string): string {
  try {
    const { mtimeNs, ctimeNs, size, ino } = statSync(file, { bigint: true });
    return [mtimeNs, ctimeNs, size, ino].join(' ');
  } catch {
    return 'unreadable';
  }
}
