import { mkdir, readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { onTestFinished } from 'vitest';
import { openLogWriter } from '../../connectors/log-files/log/log-writer.ts';
import type { ServerFile } from '../../ops/service/server-file.ts';
import type { ChildEnd } from './child-program.ts';
import { temporaryFolder } from './temporary-folder.ts';
import { startTidemark } from './tidemark.ts';

export interface Serving {
  /** Events, one JSON text each, that the service has stored before it is handed out. */
  readonly lines?: readonly (string | Uint8Array)[];
  readonly settings?: Readonly<Record<string, unknown>>;
  /** Words put before the command, given its export root. */
  readonly within?: (root: string) => readonly string[];
}

/** A real `tidemark run` on a local log, with all that a client or a user of its machine sees of it. */
export interface Served {
  readonly url: string;
  readonly folder: string;
  readonly db: string;
  readonly root: string;
  /** The note beside the database. */
  readonly note: ServerFile;
  /** What it wrote to standard output so far. */
  log(): string;
  /** Resolves when its log holds a text. */
  logged(text: string | RegExp): Promise<void>;
  /** SIGTERM, and what the process ended with. */
  stop(): Promise<ChildEnd>;
}

/** Registers what is to happen when whoever started the service is done with it. */
type AtEnd = (end: () => Promise<void>) => unknown;

/** A folder without a log would be refused. */
const oneEvent = '{"event":"service.started","service_id":"s-1","timestamp":"2014-06-01T00:00:00Z"}';

/** Starts the service; whoever does not stop it by itself has it stopped and its folder removed with the test or file. */
export async function serve(
  { lines = [oneEvent], settings = {}, within = () => [] }: Serving = {},
  atEnd: AtEnd = onTestFinished,
): Promise<Served> {
  const folder = await temporaryFolder();
  await mkdir(path.join(folder.path, 'log'));
  await writeLog(path.join(folder.path, 'log'), lines);
  await writeFile(
    path.join(folder.path, 'tidemark.yaml'),
    JSON.stringify({ db: 'calls.duckdb', log_folder: 'log', http_port: 0, log_level: 'debug', ...settings }),
  );
  const root = path.join(folder.path, 'exports');
  const { child, ended } = startTidemark(['run'], { cwd: folder.path, within: within(root) });
  let log = '';
  child.stdout.on('data', text => {
    log += text;
  });
  const logged = (text: string | RegExp): Promise<void> =>
    new Promise((resolve, reject) => {
      const look = () => {
        if (!(typeof text === 'string' ? log.includes(text) : text.test(log))) return;
        child.stdout.off('data', look);
        resolve();
      };
      child.stdout.on('data', look);
      void ended.then(({ stderr }) => reject(new Error(`the service ended before it logged ${text}: ${log}${stderr}`)));
      look();
    });
  const stop = async () => {
    child.kill('SIGTERM');
    return ended;
  };
  atEnd(async () => {
    await stop();
    await folder.remove();
  });
  await logged('the service is up');
  await logged(`"next":${lines.length},`);
  const db = path.join(folder.path, 'calls.duckdb');
  const note = JSON.parse(await readFile(`${db}.server.json`, 'utf8')) as ServerFile;
  return { url: note.url, folder: folder.path, db, root, note, log: () => log, logged, stop };
}

async function writeLog(root: string, lines: readonly (string | Uint8Array)[]): Promise<void> {
  const writer = await openLogWriter({ root, topic: 'calls', partition: 0 });
  await writer.append(lines.map(line => ({ timestamp: Date.now(), key: null, value: Buffer.from(line) })));
  await writer.close();
}
