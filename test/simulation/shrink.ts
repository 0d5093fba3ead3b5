import type { History, Operation } from './operations.ts';

/** The shortest history that can be got from this one by leaving operations out, and of which `isBad` is still true. */
export async function shrink(history: History, isBad: (shorter: History) => Promise<boolean>): Promise<History> {
  let { operations } = history;
  for (let hasChanged = true; hasChanged; ) {
    const before = operations.length;
    for (let size = Math.max(1, operations.length >> 1); size >= 1; size >>= 1)
      operations = await withoutParts(operations, size, shorter => isBad({ ...history, operations: shorter }));
    hasChanged = operations.length < before;
  }
  return { ...history, operations };
}

async function withoutParts(
  operations: readonly Operation[],
  size: number,
  isBad: (shorter: readonly Operation[]) => Promise<boolean>,
): Promise<readonly Operation[]> {
  let kept = operations;
  for (let from = 0; from < kept.length; ) {
    const shorter = [...kept.slice(0, from), ...kept.slice(from + size)];
    if (await isBad(shorter)) kept = shorter;
    else from += size;
  }
  return kept;
}
