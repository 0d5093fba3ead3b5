import type { LawExport } from './law.ts';
import { nameOfNumber, partitionCount, topicPartitions } from './operations.ts';
import { type SimulatedRecord, timeOf } from './simulated-log.ts';
import { settle } from './simulated-store.ts';
import type { Simulation } from './simulation.ts';

/**
 * Brings a history to its end: transactions are committed, all that there is is read, all sources end, and the clock is past
 * every window. Then each window is asked for again.
 * L3: it is complete, where a watermark or a declaration reaches it and nothing is lost or split. L0: no complete window
 * lacks an on-time event that was lost.
 */
export async function finish(simulation: Simulation): Promise<void> {
  const { law, requested, service } = simulation;
  for (const id of requested) service.openSnapshot(id);
  await settle(simulation.store);
  for (const id of requested) service.record(id, true);
  await settle(simulation.store);
  const before = [...law.exports.values()];
  simulation.world.say(() => '-- all sources end, and the clock is past');
  await endSources(simulation);
  const windows = new Map(before.map(one => [`${one.from} ${one.to}`, one]));
  for (const { from, to } of windows.values()) await askAgain(simulation, { from, to }, before);
  checkLosses(simulation, new Set(before));
  await simulation.checkMarks(true);
}

async function endSources(simulation: Simulation): Promise<void> {
  const { world, law } = simulation;
  world.ahead = 0;
  for (let partition = 0; partition < partitionCount; partition += 1) {
    if (!world.exists(partition)) continue;
    world.setReplicas(partition, false);
    for (const producer of [0, 1]) world.endTransaction(partition, producer, true);
  }
  // Looks that run are answered first, and requests that wait for them are accepted.
  for (let left = 100; left > 0 && simulation.service.source.isLooking; left -= 1) await stepLook(simulation);
  for (const unit of law.givenUnits) await simulation.ingest([unit], Number.POSITIVE_INFINITY, null);
  const numbers = Array.from({ length: world.partitions }, (_, partition) => partition);
  if (world.setting.endsByHand) {
    Object.assign(world, { isFollowed: false, declared: null });
    await simulation.restart({ crashes: false });
    simulation.assign([]);
    for (let partition = 0; partition < topicPartitions; partition += 1) await simulation.endByHand(partition);
  } else if (world.isFollowed) {
    world.declared = null;
    await simulation.restart({ crashes: false });
    simulation.assign(numbers);
  }
  const latest = Math.max(world.now, ...[...law.exports.values()].map(({ to }) => to));
  world.now = latest + world.latenessMs + world.setting.clockLatenessMs + 2;
  for (const partition of numbers) await simulation.service.reader.consume(partition, Number.POSITIVE_INFINITY);
  if (world.isFollowed) await simulation.lookNow();
}

async function stepLook(simulation: Simulation): Promise<void> {
  await simulation.service.stepLook(false);
  await settle(simulation.store);
}

async function askAgain(
  simulation: Simulation,
  { from, to }: Pick<LawExport, 'from' | 'to'>,
  before: readonly LawExport[],
): Promise<void> {
  const { world, law, requested } = simulation;
  const window = { back: world.now - to, length: to - from, events: 'any', state: 'any', wait: 'end' } as const;
  await simulation.run({ op: 'request', ...window });
  while (simulation.service.source.isLooking) await stepLook(simulation);
  await simulation.run({ op: 'step', export: 0 });
  await simulation.run({ op: 'give up', export: 0 });
  await simulation.run({ op: 'record', export: 0 });
  const one = law.exports.get(requested.at(-1)!)!;
  if (one.stage !== 'recorded') throw new Error(`${one.id} has not ended`);
  if (one.isComplete) return;
  const unexplained = one.reasons.filter(reason => !isExplained(reason, simulation, { from, to }, before));
  if (unexplained.length > 0) law.violate('L3', kindOf(unexplained[0]!), `[${from},${to}): ${unexplained.join('; ')}`);
}

/** True for a reason that stands as long as the store does. */
function isExplained(
  reason: string,
  { law, world }: Simulation,
  { from, to }: Pick<LawExport, 'from' | 'to'>,
  before: readonly LawExport[],
): boolean {
  if (/services have events from more than one log/.test(reason)) return true;
  if (/earlier events may be missing/.test(reason))
    return world.hasBegunAbove0 || law.firstOffsets.some(first => first !== null && first > 0);
  if (/were lost/.test(reason)) return law.gaps.size > 0;
  if ([...world.seenCut].some(cut => reason.startsWith(`${nameOfNumber(cut)}:`))) return true;
  if (
    !/no source that was read to its end has an event with a time|the events that were ingested reach|nothing was ever/.test(
      reason,
    )
  )
    return false;
  const wasEnded = before.some(
    one => one.stage === 'recorded' && one.isComplete && !one.isLive && one.from === from && one.to === to,
  );
  return !wasEnded;
}

function kindOf(reason: string): string {
  return reason.replaceAll(/\d[\d:.TZ-]*/g, 'n').slice(0, 60);
}

/** L0. An event that is further ahead of its appending than the skew is not promised. */
function checkLosses({ law, world }: Simulation, before: ReadonlySet<LawExport>): void {
  for (let partition = 0; partition < partitionCount; partition += 1) {
    const position = law.positions[partition] ?? world.assigned.get(partition) ?? 0;
    const log = world.log(partition);
    log.records.slice(0, position).forEach((record, offset) => {
      if (record.state !== 'committed' || record.isStored || record.isLostUnseen || !law.isOnTime(record)) return;
      for (const one of law.exports.values()) {
        if (one.stage !== 'recorded' || !one.isComplete) continue;
        const isBound = partition < topicPartitions ? one.scope.has(partition) : !before.has(one);
        if (!isBound || !isOf(one, record) || timeOf(record)! > record.appendedAt + world.setting.skewMs) continue;
        law.violate(
          'L0',
          offset < (law.firstOffsets[partition] ?? 0) ? 'its beginning was lost' : record.isInGap ? 'a gap' : 'a cut',
          `${one.id} [${one.from},${one.to}) lacks ${nameOfNumber(partition)}@${offset}, time ${timeOf(record)}`,
        );
      }
    });
  }
}

/** Whether the event sets a time by which the export selects. */
function isOf({ from, to, events }: LawExport, record: SimulatedRecord): boolean {
  const sets =
    record.event === 'service.started' ? 'completed' : record.event === 'service.completed' ? 'started' : null;
  const time = timeOf(record);
  return sets !== null && events !== sets && time !== null && time >= from && time < to;
}
