import type { PartitionId } from '../../../pipeline/ports.ts';
import type { Database } from '../file/database.ts';

/** A quarantined record; `key` and `value` are the bytes of the log. */
export interface QuarantineEntry {
  readonly topic: string;
  readonly partition: number;
  readonly offset: number;
  readonly reason: string;
  readonly field: string | null;
  readonly message: string;
  /** Milliseconds since 1970 UTC; null where the log keeps no record times. */
  readonly recordTime: number | null;
  readonly key: Uint8Array | null;
  readonly value: Uint8Array | null;
  /** JSON array of [name, value in base64]; null when there are none. */
  readonly headers: string | null;
  /** The schema id that the record names; null when it names none. */
  readonly schemaId: number | null;
}

export interface QuarantineFilter {
  readonly topic?: string;
  readonly reason?: string;
  readonly offset?: number;
  readonly limit: number;
}

/** Quarantined records that pass the filter, by topic, partition and offset. */
export async function readQuarantine(
  database: Database,
  filter: QuarantineFilter,
): Promise<readonly QuarantineEntry[]> {
  const connection = await database.connect();
  try {
    const reader = await connection.runAndReadAll(
      `SELECT topic, partition, "offset", reason, field, message, epoch_ms(record_time), key, value, headers, schema_id
       FROM quarantine
       WHERE ($1::VARCHAR IS NULL OR topic = $1) AND ($2::VARCHAR IS NULL OR reason = $2) AND ($3::BIGINT IS NULL OR "offset" = $3)
       ORDER BY topic, partition, "offset" LIMIT $4`,
      [
        filter.topic ?? null,
        filter.reason ?? null,
        filter.offset === undefined ? null : BigInt(filter.offset),
        BigInt(filter.limit),
      ],
    );
    return reader
      .getRowsJS()
      .map(([topic, partition, offset, reason, field, message, time, key, value, headers, schemaId]) => ({
        topic: String(topic),
        partition: Number(partition),
        offset: Number(offset),
        reason: String(reason),
        field: field === null ? null : String(field),
        message: String(message),
        recordTime: time === null ? null : Number(time),
        key: key instanceof Uint8Array ? key : null,
        value: value instanceof Uint8Array ? value : null,
        headers: headers === null ? null : String(headers),
        schemaId: schemaId === null ? null : Number(schemaId),
      }));
  } finally {
    connection.closeSync();
  }
}

/** The quarantined records of one partition: how many by reason, and the first of them. */
export async function quarantinedOf(database: Database, { topic, partition }: PartitionId) {
  const connection = await database.connect();
  try {
    const ofPartition = [topic, partition];
    const counts = await connection.runAndReadAll(
      'SELECT reason, count(*) FROM quarantine WHERE topic = $1 AND partition = $2 GROUP BY reason ORDER BY reason',
      ofPartition,
    );
    const first = await connection.runAndReadAll(
      'SELECT "offset", reason, message FROM quarantine WHERE topic = $1 AND partition = $2 ORDER BY "offset" LIMIT 1',
      ofPartition,
    );
    const [record] = first.getRows();
    return {
      reasons: new Map(counts.getRows().map(([reason, count]) => [String(reason), Number(count)])),
      first:
        record === undefined
          ? null
          : { offset: Number(record[0]), reason: String(record[1]), message: String(record[2]) },
    };
  } finally {
    connection.closeSync();
  }
}
