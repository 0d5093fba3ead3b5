import type { DuckDBConnection } from '@duckdb/node-api';
import type { Sources } from '../../../pipeline/completeness/sources.ts';
import type { SourcesChange } from '../../../pipeline/ingest/warehouse.ts';
import { partitionName } from '../../../pipeline/partition.ts';
import type { PartitionId, SourceKind } from '../../../pipeline/ports.ts';
import { appendDecodings, appendGaps, appendReadings, appendReplay, appendTopics } from './source-lists.ts';
import { appendSources, readSources, type SourceNumbers, type SourceRow, type StoredSources } from './source-rows.ts';

/** A batch whose source is written: its number, and its partition's name. */
interface WrittenBatch {
  readonly name: string;
  readonly number: number;
}

/** The writing of changed sources, as parts of a transaction of the caller. */
interface SourceWrite {
  /** Deletes the rows that `append` writes anew. */
  readonly deleteSql: string;
  append(connection: DuckDBConnection): Promise<void>;
  /** To be called after the commit. */
  committed(): void;
}

interface ChangedRow extends SourceRow {
  readonly name: string;
}

interface ChangedParts {
  readonly next: Sources;
  readonly rows: readonly ChangedRow[];
  /** Names of partitions that are known no longer. */
  readonly removed: readonly string[];
  /** Where the readings, topics and declaration to write are taken from. */
  readonly rest: Sources;
}

/**
 * The sources of the store in memory, and which of their rows the database has. What is only noted in memory is written
 * with the next batch of its partition, or with the next `prepareAll`.
 */
export class SourceTable {
  #sources: Sources;
  /** What the database has. */
  #written: Sources;
  readonly #numbers: Map<string, SourceNumbers>;
  #nextSource = 0;
  /** The number of the log that all files share; null without a file. */
  #filesLog: number | null = null;

  private constructor({ sources, numbers }: StoredSources) {
    this.#sources = sources;
    this.#written = sources;
    this.#numbers = new Map(numbers);
    for (const { source } of numbers.values()) this.#nextSource = Math.max(this.#nextSource, source + 1);
    for (const [name, { kind }] of sources.partitions)
      if (kind === 'file') this.#filesLog = this.#numbers.get(name)!.log;
  }

  static async open(connection: DuckDBConnection): Promise<SourceTable> {
    return new SourceTable(await readSources(connection));
  }

  get sources(): Sources {
    return this.#sources;
  }

  /** The number of the last batch stored; 0 before the first. */
  get lastBatch(): number {
    return Array.from(this.#numbers.values()).reduce((last, { batch }) => Math.max(last, batch), 0);
  }

  /** The numbers of a source. A new one gets them at once, because the batch before its first may not be stored yet. */
  numbersOf(partition: PartitionId, kind: SourceKind): SourceNumbers {
    const name = partitionName(partition);
    const known = this.#numbers.get(name);
    if (known !== undefined) return known;
    const source = this.#nextSource;
    this.#nextSource += 1;
    if (kind === 'file') this.#filesLog ??= source;
    const numbers = { source, log: kind === 'file' ? this.#filesLog! : source, batch: 0 };
    this.#numbers.set(name, numbers);
    return numbers;
  }

  note(change: SourcesChange): void {
    this.#sources = change(this.#sources);
  }

  /** Prepares the writing of the sources of batches, one batch of each source, and of the readings. */
  prepareBatches(change: SourcesChange, batches: readonly WrittenBatch[]): SourceWrite {
    const next = change(this.#sources);
    const rows = batches.flatMap(({ name, number }) =>
      this.#rowsOf(next, [name]).map(row => ({ ...row, batch: number })),
    );
    const { topics, coversUntil, replay } = this.#written;
    return this.#write(change, { next, rows, removed: [], rest: { ...next, topics, coversUntil, replay } });
  }

  /** Prepares the writing of everything that the database does not have yet. */
  prepareAll(change: SourcesChange): SourceWrite {
    const next = change(this.#sources);
    const removed = [...this.#written.partitions.keys()].filter(name => !next.partitions.has(name));
    const rows = this.#rowsOf(next, [...next.partitions.keys()]);
    return this.#write(change, { next, rows, removed, rest: next });
  }

  #rowsOf(next: Sources, names: readonly string[]): readonly ChangedRow[] {
    return names
      .map(name => ({ name, state: next.partitions.get(name)! }))
      .filter(({ name, state }) => state !== this.#written.partitions.get(name))
      .map(({ name, state }) => ({ name, state, ...this.numbersOf(state.partition, state.kind) }));
  }

  #write(change: SourcesChange, { next, rows, removed, rest }: ChangedParts): SourceWrite {
    const before = this.#sources;
    const written = this.#written;
    const withGaps = rows.filter(({ name, state }) => state.gaps !== written.partitions.get(name)?.gaps);
    const others = this.#writeRest(rest);
    const sources = [...rows.map(({ source }) => source), ...removed.map(name => this.#numbers.get(name)!.source)];
    return {
      deleteSql: [
        ...deletionOf('partitions', sources),
        ...deletionOf(
          'gaps',
          withGaps.map(({ source }) => source),
        ),
        others.deleteSql,
      ].join('\n'),
      async append(connection) {
        await appendSources(connection, rows);
        const gaps = withGaps.flatMap(({ source, state }) => state.gaps.map(gap => ({ ...gap, source })));
        await appendGaps(connection, gaps);
        await others.append(connection);
      },
      committed: () => {
        const partitions = new Map(written.partitions);
        for (const name of removed) partitions.delete(name);
        for (const { name, state, source, log, batch } of rows) {
          partitions.set(name, state);
          this.#numbers.set(name, { source, log, batch });
        }
        this.#written = { ...rest, partitions };
        // Looks may have been noted while the transaction ran. Otherwise the written states are kept, so that they are not
        // written again.
        this.#sources = this.#sources === before ? next : change(this.#sources);
      },
    };
  }

  /** The readings, the settings of decoding, the topics and the declaration, as far as they changed. */
  #writeRest(next: Sources): Pick<SourceWrite, 'deleteSql' | 'append'> {
    const { readings, decodings, topics, coversUntil, replay } = this.#written;
    const kept = firstDifference(readings, next.readings);
    const added = next.readings.slice(kept).map((reading, index) => ({
      ...reading,
      number: kept + index,
      source: this.numbersOf(reading.partition, 'file').source,
    }));
    const statements = [
      ...(added.length === 0 ? [] : [`DELETE FROM readings WHERE number >= ${kept};`]),
      ...(topics === next.topics ? [] : ['DELETE FROM topics;']),
      ...(replay === next.replay ? [] : ['DELETE FROM replay;']),
      ...(coversUntil === next.coversUntil
        ? []
        : [`UPDATE coverage SET covers_until = make_timestamp(${BigInt(next.coversUntil ?? 0)}::BIGINT * 1000);`]),
    ];
    return {
      deleteSql: statements.join('\n'),
      async append(connection) {
        if (added.length > 0) await appendReadings(connection, added);
        const newDecodings = next.decodings
          .map((decoding, number) => ({ ...decoding, number }))
          .slice(decodings.length);
        if (newDecodings.length > 0) await appendDecodings(connection, newDecodings);
        if (replay !== next.replay && next.replay !== null) await appendReplay(connection, next.replay);
        if (topics !== next.topics) await appendTopics(connection, next.topics);
      },
    };
  }
}

function deletionOf(table: string, sources: readonly number[]): readonly string[] {
  return sources.length === 0 ? [] : [`DELETE FROM ${table} WHERE source IN (${sources.join(', ')});`];
}

/** Where two lists differ. They grow at the end only, where the last item may be replaced. */
function firstDifference<T>(written: readonly T[], next: readonly T[]): number {
  const last = Math.max(0, written.length - 1);
  return written[last] === next[last] ? written.length : last;
}
