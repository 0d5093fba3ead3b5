import { execFile } from 'node:child_process';
import { mkdtemp, rename, rm, stat } from 'node:fs/promises';
import { homedir } from 'node:os';
import path from 'node:path';
import { promisify } from 'node:util';
import { makeFolder } from '../../connectors/disk.ts';

/** A program that Kafka or the registry needs is missing on this machine and cannot be downloaded. */
export class ToolsMissing extends Error {
  override readonly name = 'ToolsMissing';
}

/** The folder of downloaded programs: `LOCAL_KAFKA_TOOLS`, else `tidemark` in the user's cache. */
function toolsFolder(): string {
  const { LOCAL_KAFKA_TOOLS, XDG_CACHE_HOME } = process.env;
  return path.resolve(LOCAL_KAFKA_TOOLS || path.join(XDG_CACHE_HOME || path.join(homedir(), '.cache'), 'tidemark'));
}

const making = new Map<string, Promise<string>>();

/**
 * A folder of the cache, filled at its first use. It gets its name when it is complete, so that a killed download leaves
 * nothing that looks finished. When two processes fill it at once, the first one's result is kept.
 */
export function fetchOnce(name: string, make: (folder: string) => Promise<void>): Promise<string> {
  const folder = path.join(toolsFolder(), name);
  const begun = making.get(folder) ?? fillFolder(folder, make);
  making.set(folder, begun);
  begun.catch(() => making.delete(folder));
  return begun;
}

async function fillFolder(folder: string, make: (folder: string) => Promise<void>): Promise<string> {
  if (await exists(folder)) return folder;
  await makeFolder(path.dirname(folder));
  const unfinished = await mkdtemp(`${folder}.making-`);
  try {
    await make(unfinished);
    await rename(unfinished, folder);
  } catch (error) {
    if (!(await exists(folder))) throw error;
  } finally {
    await rm(unfinished, { recursive: true, force: true });
  }
  return folder;
}

export function exists(file: string): Promise<boolean> {
  return stat(file).then(
    () => true,
    () => false,
  );
}

/** Runs a program that downloads or creates something; its output becomes part of the error. */
export async function runTool(command: string, args: readonly string[], needed: string): Promise<string> {
  try {
    const { stdout, stderr } = await promisify(execFile)(command, [...args], { maxBuffer: 64 << 20 });
    return stdout + stderr;
  } catch (error) {
    const { stdout = '', stderr = '', message } = error as { stdout?: string; stderr?: string; message: string };
    const words = `${stdout}${stderr}`.trim() || message;
    throw new ToolsMissing(`${needed}: "${command} ${args.join(' ')}" failed: ${words.slice(-2_000)}`, {
      cause: error,
    });
  }
}
