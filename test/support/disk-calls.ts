import fs, { type FileHandle } from 'node:fs/promises';
import { syncBuiltinESMExports } from 'node:module';
import path from 'node:path';
import { onTestFinished, vi } from 'vitest';

/** Runs before or in place of the real call. */
type Meddle = (file: string) => Promise<void>;

/** What is to happen just before a call, by the call's name. What it throws fails the call. */
type Before = Partial<Record<'open' | 'link' | 'rm' | 'writeFile' | 'write' | 'sync' | 'datasync', Meddle>>;

/**
 * Records, until the test ends, the calls that change a disk or make a change durable, each once it has succeeded:
 * `link x_0.csv`, `rm x_0.csv`, `write 000.segment`, `datasync 000.segment`, `sync out`. Product code makes them through
 * the functions of `node:fs/promises` and the methods of its file handles, and these are spied on.
 */
export async function recordDiskCalls(before: Before = {}): Promise<string[]> {
  const calls: string[] = [];
  const record = async <T>(name: keyof Before, file: string, call: () => Promise<T>): Promise<T> => {
    await before[name]?.(file);
    const result = await call();
    calls.push(`${name} ${path.basename(file)}`);
    return result;
  };
  const { link, rm, writeFile, open } = fs;
  vi.spyOn(fs, 'link').mockImplementation((from, to) => record('link', String(to), () => link(from, to)));
  vi.spyOn(fs, 'rm').mockImplementation((file, options) => record('rm', String(file), () => rm(file, options)));
  vi.spyOn(fs, 'writeFile').mockImplementation((file, data, options) =>
    record('writeFile', String(file), () => writeFile(file, data, options)),
  );
  const files = new WeakMap<FileHandle, string>();
  vi.spyOn(fs, 'open').mockImplementation(async (file, ...more) => {
    await before.open?.(String(file));
    const handle = await open(file, ...more);
    files.set(handle, String(file));
    return handle;
  });
  const handle = await open('.');
  const prototype = Object.getPrototypeOf(handle) as FileHandle;
  await handle.close();
  for (const name of ['write', 'sync', 'datasync'] as const) {
    const original = prototype[name] as (...args: unknown[]) => Promise<unknown>;
    const spied = function (this: FileHandle, ...args: unknown[]) {
      return record(name, files.get(this) ?? '', () => original.apply(this, args));
    };
    vi.spyOn(prototype, name).mockImplementation(spied as never);
  }
  syncBuiltinESMExports();
  onTestFinished(() => {
    vi.restoreAllMocks();
    syncBuiltinESMExports();
  });
  return calls;
}
