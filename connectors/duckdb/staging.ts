import { Buffer } from 'node:buffer';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Family, Fragment } from '../../pipeline/fold.ts';
import type { FoldedBatch, LogRecord, QuarantinedRecord } from '../../pipeline/ports.ts';
import { entityTables } from '../../schemas/columns.ts';
import { type Entity, entities } from '../../schemas/events.ts';
import { storedExtension } from '../../schemas/extensions.ts';
import type { Membership } from './membership.ts';
import { rowKey } from './row-key.ts';

/** A file of NDJSON rows for DuckDB to read: by far its fastest way in for wide rows that hold nested values. */
export interface StagedFile {
  readonly path: string;
  readonly rows: number;
  /** Bytes of the longest row: DuckDB sizes its buffers by it. */
  readonly longest: number;
}

export interface StagedBatch {
  readonly rows: Readonly<Record<Entity, StagedFile & { readonly seen: number }>>;
  readonly deleted: StagedFile;
  readonly quarantined: StagedFile;
}

/** Writes a batch's fragments, deletions and rejects into `folder`; rows that were perhaps stored before are marked. */
export async function stageBatch(batch: FoldedBatch, membership: Membership, folder: string): Promise<StagedBatch> {
  const lines = { service: new Lines(), state: new Lines(), task: new Lines() };
  const deleted = new Lines();
  for (const [serviceId, family] of batch.families) {
    const serviceKey = rowKey(serviceId, 0);
    if (family.deleted) deleted.push({ service_id: serviceId, service_key: serviceKey });
    stageFamily({ serviceId, serviceKey, family, membership, lines });
  }
  const quarantined = new Lines();
  for (const entry of batch.quarantined) quarantined.push(quarantineRow(batch, entry));
  const write = (name: string, rows: Lines): Promise<StagedFile> => rows.write(join(folder, `${name}.ndjson`));
  const [service, state, task] = await Promise.all(
    entities.map(async entity => ({ ...(await write(entity, lines[entity])), seen: lines[entity].seen })),
  );
  return {
    rows: { service: service!, state: state!, task: task! },
    deleted: await write('deleted', deleted),
    quarantined: await write('quarantined', quarantined),
  };
}

interface FamilyStaging {
  readonly serviceId: string;
  readonly serviceKey: number;
  readonly family: Family;
  readonly membership: Membership;
  readonly lines: Readonly<Record<Entity, Lines>>;
}

const seeds: Readonly<Record<Entity, number>> = { service: 0, state: 1, task: 2 };

function stageFamily({ serviceId, serviceKey, family, membership, lines }: FamilyStaging): void {
  for (const entity of entities) {
    for (const [id, fragment] of family[entity]) {
      const key = entity === 'service' ? serviceKey : rowKey(id, serviceKey + seeds[entity]);
      const seen = membership.add(key);
      if (seen) lines[entity].seen += 1;
      lines[entity].push({
        ...fragment.columns,
        service_id: serviceId,
        [entityTables[entity].id]: id,
        extensions: storedExtensions(fragment),
        row_key: key,
        service_key: serviceKey,
        seen,
      });
    }
  }
}

function storedExtensions({ extensions }: Fragment): unknown {
  return extensions === null ? undefined : Array.from(extensions, ([name, value]) => storedExtension(name, value));
}

function quarantineRow({ partition }: FoldedBatch, { record, reject }: QuarantinedRecord): object {
  return {
    topic: partition.topic,
    partition: partition.partition,
    offset: record.offset,
    record_time: record.timestamp,
    key: base64(record.key),
    value: base64(record.value),
    headers: headersJson(record),
    reason: reject.reason,
    field: reject.field,
    message: reject.message,
  };
}

function headersJson({ headers }: LogRecord): string | null {
  return headers.length === 0 ? null : JSON.stringify(headers.map(({ name, value }) => [name, base64(value)]));
}

function base64(bytes: Uint8Array | null): string | null {
  return bytes === null ? null : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('base64');
}

class Lines {
  readonly #lines: string[] = [];
  #longest = 0;
  seen = 0;

  push(row: object): void {
    const line = JSON.stringify(row);
    if (line.length > this.#longest) this.#longest = line.length;
    this.#lines.push(line);
  }

  async write(path: string): Promise<StagedFile> {
    const rows = this.#lines.length;
    if (rows > 0) await writeFile(path, this.#lines.join('\n'));
    // A UTF-16 unit is at most three bytes of UTF-8.
    return { path, rows, longest: this.#longest * 3 + 1 };
  }
}
