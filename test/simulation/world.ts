import type { PartitionId, SourceKind } from '../../pipeline/ports.ts';
import { at } from '../support/event-batches.ts';
import { files, nameOfNumber, type Operation, partitionCount, type Setting, topicPartitions } from './operations.ts';
import { SimulatedLog } from './simulated-log.ts';

type Produced = Extract<Operation, { op: 'produce' }>;
type WrittenLine = Extract<Operation, { op: 'write' }>;

/** Clocks, logs, producers and the consumer group. Nothing happens in it but by the operations. */
export class World {
  readonly setting: Setting;
  readonly logs: readonly SimulatedLog[] = Array.from({ length: partitionCount }, () => new SimulatedLog());
  /** The true clock, in ticks. */
  now = 20;
  /** How far the store's clock is ahead of the true one. */
  ahead = 0;
  /** The highest clock that a look has read. */
  highestRead = Number.NEGATIVE_INFINITY;
  /** How many partitions the topic has. */
  partitions: number;
  /** False when the topic is configured no longer. */
  isFollowed: boolean;
  /** Declared partitions (`kafka_partitions`); null: the topic lists them. */
  declared: readonly number[] | null = null;
  /** What the store takes for declared though it is not; only for the mistake that does so. */
  takenForDeclared: readonly number[] | null = null;
  /** The partitions that the group has given to this process, and where reading of each began. */
  assigned = new Map<number, number>();
  /** True once a reading has begun above offset 0; what lay below may be missing from then on. */
  hasBegunAbove0 = false;
  /** Partitions of which a look found the end below what was stored. */
  readonly seenCut = new Set<number>();
  readonly #trace: string[] | null;

  constructor(setting: Setting, trace: string[] | null) {
    this.setting = setting;
    this.partitions = setting.partitions;
    this.isFollowed = setting.partitions > 0;
    this.#trace = trace;
  }

  /** The store's clock. */
  get storeNow(): number {
    return this.now + this.ahead;
  }

  /** The clock by which events are on time: the true one, or the highest that the store has read. */
  get lawNow(): number {
    return Math.max(this.now, this.highestRead);
  }

  get latenessMs(): number {
    return Math.max(this.setting.allowedLatenessMs, this.setting.clockLatenessMs);
  }

  /** Adds a line to the trace; `text` is not made where there is no trace. */
  say(text: () => string): void {
    if (this.#trace === null) return;
    const reader = this.ahead === 0 ? '' : ` (the store's clock: ${this.storeNow})`;
    this.#trace.push(`t=${this.now}${reader} ${text()}`);
  }

  /** True for a partition of the topic that there is, a log of the folder, or a file. */
  exists(partition: number): boolean {
    return partition >= topicPartitions || partition < this.partitions;
  }

  log(partition: number): SimulatedLog {
    return this.logs[partition]!;
  }

  /** The clock of a record as it gets below the high watermark decides whether it is on time. */
  raise(partition: number): void {
    this.log(partition).raise(this.lawNow);
  }

  produce(operation: Produced): void {
    const { partition, service, event, delay, isTimed, producer, inTransaction } = operation;
    const { skewMs } = this.setting;
    const logTime = this.now + Math.min(Math.max(operation.recordAhead, -skewMs), skewMs);
    const ownTime = isTimed ? this.now - delay : null;
    const times = { ownTime, logTime, appendedAt: this.now, clock: this.lawNow };
    const log = this.log(partition);
    log.append({ service, event, producer, ...times }, inTransaction);
    this.say(() => {
      const state = log.records.at(-1)!.state === 'open' ? ' in an open transaction' : '';
      const time = `time ${ownTime ?? logTime}, record time ${logTime}`;
      return `producer ${producer} appends ${nameOfNumber(partition)}@${log.records.length - 1}: ${event} ${service}, ${time}${state}`;
    });
    this.raise(partition);
  }

  endTransaction(partition: number, producer: number, commits: boolean): void {
    if (!this.log(partition).endTransaction(producer, commits, this.now)) return;
    this.say(() => `producer ${producer} ${commits ? 'commits' : 'aborts'} on ${nameOfNumber(partition)}`);
    this.raise(partition);
  }

  setReplicas(partition: number, lag: boolean): void {
    this.log(partition).isLagging = lag;
    this.say(() => `the replicas of ${nameOfNumber(partition)} ${lag ? 'lag' : 'have caught up'}`);
    this.raise(partition);
  }

  retain(partition: number, records: number): void {
    const log = this.log(partition);
    log.retain(records);
    this.say(() => `retention: ${nameOfNumber(partition)} now begins at ${log.low}`);
  }

  cut(partition: number, records: number): void {
    const log = this.log(partition);
    if (log.hasOpenTransaction) return;
    log.cut(records);
    this.say(() => `${nameOfNumber(partition)} is cut to ${log.high} (unclean election)`);
  }

  write({ file, service, event, delay, isTimed }: WrittenLine): void {
    const partition = files[file]!;
    const log = this.log(partition);
    const ownTime = event === 'service.associated' && !isTimed ? null : this.now - delay;
    const times = { ownTime, logTime: null, appendedAt: this.now, clock: this.lawNow };
    log.append({ service, event, producer: 0, ...times }, false);
    this.say(
      () => `${nameOfNumber(partition)}@${log.records.length - 1} is written: ${event} ${service}, time ${ownTime}`,
    );
    log.high = log.records.length;
  }

  /** The group gives this process these partitions; it goes on where `positionOf` says, else at the log's beginning. */
  assign(partitions: readonly number[], positionOf: (partition: number) => number | null): void {
    const given = partitions.filter(partition => partition < this.partitions);
    const starts = given.map(partition => {
      const start = this.assigned.get(partition) ?? positionOf(partition) ?? this.log(partition).low;
      return [partition, start] as const;
    });
    this.assigned = new Map(starts);
    if ([...this.assigned.values()].some(start => start > 0)) this.hasBegunAbove0 = true;
  }
}

export function partitionOf(number: number): PartitionId {
  if (number < topicPartitions) return { topic: 'calls', partition: number };
  return number < 5 ? { topic: 'folder', partition: number - 3 } : { topic: `file-${number - 5}`, partition: 0 };
}

export function kindOf(number: number): SourceKind {
  if (number < topicPartitions) return 'live';
  return number < 5 ? 'folder' : 'file';
}

export function numberOf({ topic, partition }: PartitionId): number {
  if (topic === 'calls') return partition;
  return topic === 'folder' ? partition + 3 : Number(topic.slice('file-'.length)) + 5;
}

/** The tick of a moment, in milliseconds since 1970 UTC. */
export function tickOf(moment: number): number {
  return moment - at(0);
}
