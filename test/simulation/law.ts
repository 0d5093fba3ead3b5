import type { BatchFacts } from '../../pipeline/completeness/batch-facts.ts';
import type { Manifest } from '../../pipeline/export/manifest.ts';
import { LawRows } from './law-rows.ts';
import {
  nameOfNumber,
  partitionCount,
  partitionsOfUnit,
  type Requested,
  topicPartitions,
  unitOf,
} from './operations.ts';
import { type SimulatedRecord, timeOf } from './simulated-log.ts';
import { numberOf, type World } from './world.ts';

/** What the law knows of an export. Sets of partitions are sets of their numbers; times are ticks. */
export interface LawExport extends Requested {
  readonly id: string;
  readonly from: number;
  readonly to: number;
  stage: 'waiting' | 'snapshot' | 'recorded';
  isComplete: boolean;
  /** True when a live source vouched for it. */
  isLive: boolean;
  reasons: readonly string[];
  /** The stable ends at its look, by partition. */
  lookedStable: readonly number[];
  /** The partitions that had to vouch as the snapshot was taken. */
  scope: ReadonlySet<number>;
  /** How far the logs that `ingest` was given reached, by partition. */
  given: readonly number[];
  /** The highest time among the events of what `ingest` was given, where no declaration vouches; null: there is none. */
  endedTime: number | null;
  /** What contradicted it first, and the services of all batches that do, added up; null while nothing does. */
  contradicted: { readonly partition: number; readonly offset: number; services: number } | null;
  /** True when the mark of its first contradiction has been compared. */
  isMarked: boolean;
}

export interface Violation {
  readonly rule: 'L0' | 'L1' | 'L1+' | 'L2' | 'L3' | 'rows';
  readonly kind: string;
  readonly what: string;
}

/**
 * The law of `complete`, kept beside the store and without its help.
 * L0: no complete window misses an on-time event that the log has lost.
 * L1: no on-time event of a source that had to vouch contradicts a complete export; L1+: nor one that was readable at its
 * look, or that an unfinished `ingest` was given.
 * L2: every contradiction leaves its mark, and nothing else does.
 * L3: see `finish.ts`.
 */
export class Law {
  readonly violations: Violation[] = [];
  readonly exports = new Map<string, LawExport>();
  /** Next offsets, and the first ones, of the partitions that anything was stored from. */
  readonly positions: (number | null)[] = new Array(partitionCount).fill(null);
  readonly firstOffsets: (number | null)[] = new Array(partitionCount).fill(null);
  readonly endedByHand = new Set<number>();
  readonly unitsEndedByHand = new Set<number>();
  readonly gaps = new Set<number>();
  readonly rows = new LawRows();
  readonly #world: World;
  readonly #given: number[] = new Array(partitionCount).fill(0);
  readonly #givenUnits = new Set<number>();
  readonly #withEvents = new Set<number>();
  readonly #unitTimes: (number | null)[] = [null, null, null];
  #coversUntil = Number.NEGATIVE_INFINITY;

  constructor(world: World) {
    this.#world = world;
  }

  get givenUnits(): ReadonlySet<number> {
    return this.#givenUnits;
  }

  violate(rule: Violation['rule'], kind: string, what: string): void {
    this.#world.say(() => `** ${rule} ${kind}: ${what}`);
    this.violations.push({ rule, kind, what });
  }

  /** `ingest` is given a unit, as its partitions are now. */
  ingestBegins(units: readonly number[]): void {
    for (const unit of units) {
      this.#givenUnits.add(unit);
      this.unitsEndedByHand.delete(unit);
      for (const partition of partitionsOfUnit(unit)) this.#given[partition] = this.#world.log(partition).high;
    }
  }

  covers(until: number): void {
    this.#coversUntil = Math.max(this.#coversUntil, until);
  }

  /** An export takes its snapshot: what had to vouch is fixed. */
  takesSnapshot(one: LawExport): void {
    one.stage = 'snapshot';
    one.scope = this.#scope();
    one.given = [...this.#given];
    const times = [...this.#givenUnits].map(unit => this.#unitTimes[unit]!).filter(time => time !== null);
    one.endedTime = this.#coversUntil >= one.to || times.length === 0 ? null : Math.max(...times);
    one.contradicted = null;
    one.isMarked = false;
    one.isComplete = false;
  }

  isJudged(one: LawExport, { status, reasons, vouched_by: vouchedBy, files }: Manifest): void {
    one.isComplete = status === 'complete';
    one.reasons = reasons;
    one.isLive = vouchedBy[0]?.startsWith('the log as it was at') ?? false;
    const rows = this.rows.select(one).length;
    const written = files[0]!.rows;
    if (written !== rows) this.violate('rows', 'the file has others', `${one.id} has ${written} services, not ${rows}`);
  }

  /** Records of a batch are stored. Those without a place in the log any more were there when they were read. */
  stores({ partition: id, from, next: { nextOffset }, lost }: BatchFacts): void {
    const partition = numberOf(id);
    const { records } = this.#world.log(partition);
    this.firstOffsets[partition] ??= lost?.from ?? from;
    if (lost !== null) {
      this.gaps.add(partition);
      this.#world.say(() => `the store meets a gap of ${nameOfNumber(partition)}: ${lost.from} to ${lost.to}`);
      for (const record of records.slice(lost.from, lost.to)) record.isInGap = true;
    }
    const contradicting = new Map<LawExport, Set<string>>();
    for (let offset = from; offset < nextOffset; offset += 1) {
      const record = records[offset];
      if (record?.state === 'committed') this.#storesEvent(partition, offset, record, contradicting);
    }
    for (const [one, services] of contradicting) one.contradicted!.services += services.size;
    this.positions[partition] = nextOffset;
  }

  /** True when the event was on time, which a complete export relies on. */
  isOnTime(record: SimulatedRecord): boolean {
    const time = timeOf(record);
    return time !== null && time + this.#world.latenessMs >= record.clock;
  }

  #storesEvent(partition: number, offset: number, record: SimulatedRecord, contradicting: Map<LawExport, Set<string>>) {
    record.isStored = true;
    this.#withEvents.add(partition);
    const time = timeOf(record);
    const { before, after } = this.rows.apply(record);
    const isDeletion = record.event === 'service.deleted';
    if (partition >= topicPartitions && !isDeletion && time !== null && time <= this.#world.storeNow) {
      const unit = unitOf(partition);
      this.#unitTimes[unit] = Math.max(this.#unitTimes[unit] ?? time, time);
    }
    this.#world.say(
      () => `the store has ${nameOfNumber(partition)}@${offset}: ${record.event} ${record.service}, time ${time}`,
    );
    for (const one of this.exports.values()) {
      if (one.stage === 'waiting' || !one.isComplete) continue;
      const [was, is] = [LawRows.holds(before, one), LawRows.holds(after, one)];
      const isEarly = !isDeletion && (time === null || time < one.to) && (was || is);
      if (!isEarly && was === is) continue;
      one.contradicted ??= { partition, offset, services: 0 };
      contradicting.set(one, (contradicting.get(one) ?? new Set()).add(record.service));
      if (isEarly) this.#judges(one, { partition, offset, record });
    }
  }

  #judges(
    one: LawExport,
    { partition, offset, record }: { partition: number; offset: number; record: SimulatedRecord },
  ) {
    const time = timeOf(record);
    const what = `${one.id} [${one.from},${one.to}) and ${nameOfNumber(partition)}@${offset}, time ${time}, appended at ${record.appendedAt}`;
    const isTopic = partition < topicPartitions;
    const { allowedLatenessMs } = this.#world.setting;
    if (!isTopic && !one.isLive && one.endedTime !== null && time !== null && time + allowedLatenessMs >= one.endedTime)
      this.violate('L1', 'the events of an ended source vouched', what);
    if (!one.scope.has(partition)) return;
    if (isTopic && this.isOnTime(record)) this.violate('L1', 'an on-time event follows', what);
    else if (!isTopic && offset < one.given[partition]!) this.violate('L1+', 'ingest was given it before', what);
    else if (isTopic && one.wait !== 'none' && offset < one.lookedStable[partition]!)
      this.violate('L1+', 'it could be read at the look', what);
  }

  /** The partitions whose later events contradict what a complete export says. */
  #scope(): ReadonlySet<number> {
    const { partitions, declared, isFollowed, assigned } = this.#world;
    const numbers = Array.from({ length: topicPartitions }, (_, partition) => partition);
    const topic = isFollowed && partitions > 0 ? (declared ?? numbers.slice(0, partitions)) : [];
    const isGone = (partition: number): boolean => this.endedByHand.has(partition) && !assigned.has(partition);
    const named = numbers.filter(
      partition => (topic.includes(partition) || this.#withEvents.has(partition)) && !isGone(partition),
    );
    // A partition that is added later belongs to a topic without a fixed list.
    const listsGrow = named.length > 0 && isFollowed && declared === null && partitions > 0;
    const scope = new Set(listsGrow ? numbers.filter(partition => !isGone(partition)) : named);
    for (let partition = topicPartitions; partition < partitionCount; partition += 1) {
      const unit = unitOf(partition);
      if (!this.#givenUnits.has(unit) || this.unitsEndedByHand.has(unit)) continue;
      const isLeft = partitionsOfUnit(unit).some(each => (this.positions[each] ?? 0) < this.#given[each]!);
      if (isLeft) scope.add(partition);
    }
    return scope;
  }
}
