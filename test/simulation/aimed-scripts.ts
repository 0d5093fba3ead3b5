import { fileScripts } from './file-scripts.ts';
import type { Maker } from './maker.ts';
import type { Operation } from './operations.ts';
import { exported, latenessOf, looked, type Script, started, stored, upToDate } from './script-parts.ts';

/** Histories that random steps make too rarely: times that touch, backlogs, parts of a group, and files that grow. */
export function aimedScript(maker: Maker): readonly Operation[] {
  return maker.random.pick(...scripts)(maker);
}

/** A late event lies in the log as an export looks and gives up; or exactly one record does. */
const gaveUpWithBacklog: Script = maker => {
  const { random } = maker;
  const partition = random.between(0, maker.setting.partitions);
  const back = latenessOf(maker) + random.between(0, 1);
  const late = started(maker, partition, back + random.between(1, 3));
  const wait = random.pick('end', 'complete');
  const [request, ...rest] = exported(back, 8, wait);
  return [...upToDate, late, request!, ...rest.slice(0, 2), { op: 'give up', export: 0 }, ...rest.slice(2), ...stored];
};

/** An on-time event comes to a partition that this process does not read: never, or no longer. */
const partOfGroup: Script = maker => {
  const { random } = maker;
  const lateness = latenessOf(maker);
  const other = random.between(1, 2);
  const hadEvent: readonly Operation[] = random.chance(50) ? [started(maker, other, 0), ...stored] : [];
  const restart: readonly Operation[] = random.chance(60) ? [{ op: 'restart', crashes: random.chance(30) }] : [];
  return [
    ...hadEvent,
    { op: 'assign', partitions: [0], isDeclared: false },
    ...looked,
    ...restart,
    ...looked,
    started(maker, other, random.between(0, lateness)),
    { op: 'tick', by: lateness + random.between(1, 3) },
    ...upToDate,
    ...exported(lateness + random.between(-1, 1), 8, random.pick('none', 'end')),
    { op: 'assign', partitions: [0, 1, 2], isDeclared: false },
    ...stored,
  ];
};

/** An event of exactly the watermark is lost in a gap, or follows an export. */
const atWatermark: Script = maker => {
  const { random } = maker;
  const partition = random.between(0, Math.max(0, maker.setting.partitions - 1));
  const lateness = latenessOf(maker);
  const lost: readonly Operation[] = random.chance(60)
    ? [{ op: 'retention', partition, records: 99 }, { op: 'tick', by: 1 }, started(maker, partition, 0), ...stored]
    : [];
  return [
    ...upToDate,
    started(maker, partition, lateness),
    ...lost,
    ...exported(lateness - 1 + (lost.length > 0 ? 1 : 0), random.between(1, 3), 'none'),
    ...stored,
  ];
};

/** A window begins exactly where a gap ends: the lost event is as far ahead as it may be, the next record as far behind. */
const afterGap: Script = maker => {
  const { random, setting } = maker;
  const partition = random.between(0, Math.max(0, setting.partitions - 1));
  const { skewMs } = setting;
  const length = random.between(1, 4);
  return [
    ...upToDate,
    started(maker, partition, -skewMs),
    { op: 'retention', partition, records: 99 },
    started(maker, partition, random.between(-skewMs, 2), -skewMs),
    ...stored,
    ...exported(-skewMs - length, length, 'none'),
  ];
};

/** Events come between the reading of the ends and their arrival. */
const insideLook: Script = maker => {
  const { random } = maker;
  const partition = random.between(0, Math.max(0, maker.setting.partitions - 1));
  const lateness = latenessOf(maker);
  return [
    ...upToDate,
    { op: 'look' },
    { op: 'step look' },
    started(maker, partition, lateness),
    { op: 'tick', by: random.between(1, 3) },
    ...(random.chance(50) ? [maker.clock()] : []),
    { op: 'step look' },
    ...exported(lateness + random.between(-1, 1), 6, 'none'),
    ...stored,
  ];
};

/** A look finds a log cut, and the process dies before anything else is recorded; then the log grows again. */
const cutAndKilled: Script = maker => {
  const { random } = maker;
  const partition = random.between(0, Math.max(0, maker.setting.partitions - 1));
  const lateness = latenessOf(maker);
  return [
    ...upToDate,
    started(maker, partition, 0),
    ...stored,
    { op: 'cut', partition, records: 1 },
    ...looked,
    { op: 'restart', crashes: true },
    started(maker, partition, random.between(0, lateness)),
    { op: 'tick', by: lateness + 2 },
    ...upToDate,
    ...exported(lateness, 8, random.pick('none', 'end')),
  ];
};

/** A declared part is complete for itself; then the whole topic is followed, and looks at the part say nothing of it. */
const declaredPart: Script = maker => {
  const { random } = maker;
  const lateness = latenessOf(maker);
  return [
    { op: 'assign', partitions: [random.between(1, 2)], isDeclared: true },
    ...looked,
    started(maker, 0, random.between(0, lateness)),
    { op: 'tick', by: lateness + 2 },
    ...looked,
    { op: 'assign', partitions: random.pick([], [0, 1, 2]), isDeclared: false },
    ...exported(lateness, 8, 'none'),
    { op: 'assign', partitions: [0, 1, 2], isDeclared: false },
    ...stored,
  ];
};

/** Late events are stored between the wait of an export and its snapshot, and after it. */
const heldSnapshot: Script = maker => {
  const { random } = maker;
  const partition = random.between(0, Math.max(0, maker.setting.partitions - 1));
  const lateness = latenessOf(maker);
  return [
    ...upToDate,
    { op: 'request', back: lateness, length: 8, events: 'any', state: 'any', wait: 'none' },
    { op: 'step', export: 0, holdsSnapshot: true },
    started(maker, partition, lateness + random.between(1, 6)),
    ...stored,
    { op: 'step', export: 0 },
    { op: 'record', export: 0 },
    started(maker, partition, lateness + random.between(1, 6)),
    ...(random.chance(50) ? stored : []),
  ];
};

/** An on-time event is lost in a gap, and nothing is stored after it. */
const gapAtEnd: Script = maker => {
  const partition = maker.random.between(0, Math.max(0, maker.setting.partitions - 1));
  const lateness = latenessOf(maker);
  return [
    ...upToDate,
    started(maker, partition, maker.random.between(0, lateness)),
    { op: 'retention', partition, records: 99 },
    ...stored,
    { op: 'tick', by: lateness + 2 },
    ...upToDate,
    ...exported(lateness, 8, 'none'),
  ];
};

const scripts = [
  ...[gaveUpWithBacklog, partOfGroup, atWatermark, afterGap, gapAtEnd],
  ...[insideLook, cutAndKilled, declaredPart, heldSnapshot],
  ...fileScripts,
] as const;
