import { copyFile, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { openLogWriter } from '../../connectors/log-files/log/log-writer.ts';

/** The bytes of each record, by partition. */
export type Records = readonly (readonly Buffer[])[];

/** A log that can be written again with other records, as the same log. */
export interface ChangeableLog {
  readonly path: string;
  write(records: Records): Promise<void>;
  /** Writes of each partition only as many records as are named, to another path; returns that path. */
  writeFirst(records: Records, counts: readonly number[]): Promise<string>;
}

/** Of a record in a log folder, the bytes are its time, its key and its value, whose checksum is made anew. */
const timeBytes = 6;
const keyBytes = 5;

/** The key must have five bytes. */
export function folderRecord(time: number, key: string, value: string): Buffer {
  const bytes = Buffer.alloc(timeBytes);
  bytes.writeUIntBE(time, 0, timeBytes);
  return Buffer.concat([bytes, Buffer.from(key), Buffer.from(value)]);
}

/** A log folder with a log for each partition. The identities of the logs stay. */
export function changeableFolder(folder: string): ChangeableLog {
  const root = path.join(folder, 'log');
  const identityOf = (partition: number): string => path.join(folder, `identity-${partition}.json`);
  let isNew = true;
  const write = async (records: Records): Promise<void> => {
    await rm(root, { recursive: true, force: true });
    for (const [partition, each] of records.entries()) {
      const writer = await openLogWriter({ root, topic: 'calls', partition });
      await writer.append(
        each.map(bytes => ({
          timestamp: bytes.readUIntBE(0, timeBytes),
          key: bytes.subarray(timeBytes, timeBytes + keyBytes),
          value: bytes.subarray(timeBytes + keyBytes),
        })),
      );
      await writer.close();
      const identity = path.join(writer.path, 'log.json');
      if (isNew) await copyFile(identity, identityOf(partition));
      else await copyFile(identityOf(partition), identity);
    }
    isNew = false;
  };
  return {
    ...{ path: root, write },
    // No byte of a record can make two records of it here.
    writeFirst: async records => {
      await write(records);
      return root;
    },
  };
}

/** A file of lines, which is one partition. A changed byte may make two lines of one. */
export function changeableFile(folder: string): ChangeableLog {
  const file = path.join(folder, 'log.ndjson');
  const textOf = ([lines = []]: Records): Buffer => Buffer.concat(lines.flatMap(line => [line, Buffer.from('\n')]));
  return {
    path: file,
    write: records => writeFile(file, textOf(records)),
    async writeFirst(records, [count = 0]) {
      const lines = textOf(records).toString('latin1').split('\n').slice(0, count);
      const first = path.join(folder, 'first.ndjson');
      await writeFile(first, `${lines.join('\n')}\n`, 'latin1');
      return first;
    },
  };
}
