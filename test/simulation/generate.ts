import { aimedScript } from './aimed-scripts.ts';
import { type Chances, Maker } from './maker.ts';
import type { History, Operation, Setting } from './operations.ts';
import { Random } from './random.ts';
import { exportScript } from './scripts.ts';

/** The history of a seed. */
export function historyOf(seed: number): History {
  const random = new Random(seed);
  const isFilesOnly = random.chance(14);
  const maker = makerOf(random, isFilesOnly);
  const { setting, chances } = maker;
  const operations: Operation[] = [];
  if (!setting.isLooked && chances.hasFiles && random.chance(60)) operations.push(...fileBeforeTopic(random));
  const length = chances.isDense ? random.between(8, 40) : random.between(15, 90);
  for (let step = 0; step < length; step += 1) {
    if (random.chance(3)) operations.push(...aimedScript(maker));
    const operation = nextOperation(maker);
    operations.push(operation);
    if (operation.op === 'request' && random.chance(60)) operations.push(...exportScript(maker));
    if (isFilesOnly && random.chance(20)) operations.push(maker.write());
    if (isFilesOnly && random.chance(12)) operations.push(maker.ingest());
  }
  return { setting, operations };
}

function makerOf(random: Random, isFilesOnly: boolean): Maker {
  const endsByHand = !isFilesOnly && random.chance(10);
  const isDense = random.chance(30);
  const skewMs = isDense ? random.between(0, 2) : random.pick(0, 0, 1, 2);
  const hasMoves = random.chance(35);
  const setting: Setting = {
    allowedLatenessMs: isDense ? random.between(0, 2) : random.pick(0, 0, 1, 3),
    clockLatenessMs: isDense ? random.between(0, 2) : random.between(0, 4),
    ...{ skewMs, endsByHand, isLooked: random.chance(85) },
    partitions: isFilesOnly ? 0 : isDense && random.chance(60) ? 1 : random.between(1, 3),
    assigned: hasMoves && random.chance(40) ? someOf(random) : [0, 1, 2],
  };
  const hasFiles = isFilesOnly || random.chance(40);
  const chances: Chances = {
    ...{ isFilesOnly, isDense, hasFiles, hasMoves },
    hasFolder: hasFiles && random.chance(isFilesOnly ? 60 : 35),
    hasTransactions: random.chance(60),
    hasRetention: random.chance(25),
    hasCuts: random.chance(40),
    hasLaggingReplicas: random.chance(20),
    hasFailures: random.chance(20),
    isSplit: random.chance(10),
    isLate: random.chance(40),
    isFuture: random.chance(30),
    ahead: random.chance(40) ? skewMs : 0,
    stepsClock: random.chance(60),
  };
  return new Maker(random, setting, chances);
}

function someOf(random: Random): readonly number[] {
  return [0, 1, 2].filter(() => random.chance(50));
}

/** A file with a declaration, before the first look at the topic. */
function fileBeforeTopic(random: Random): readonly Operation[] {
  const covers = random.chance(50) ? { coversUntil: 20 + random.between(0, 9) } : {};
  const window = { back: random.between(-2, 3), length: random.between(3, 12), events: 'any', state: 'any' } as const;
  return [
    { op: 'write', file: 0, service: 's10', event: 'service.started', delay: 0, isTimed: true },
    { op: 'ingest', units: [1], records: 999, ...covers },
    { op: 'request', ...window, wait: 'none' },
    { op: 'step', export: 0 },
    { op: 'record', export: 0 },
  ];
}

/** Each operation that a world may do, with its weight. */
function nextOperation(maker: Maker): Operation {
  const { random, chances } = maker;
  const partition = maker.partition();
  const kind = random.between(0, 99);
  if (kind <= 13) return { op: 'tick', by: random.between(1, chances.isDense ? 2 : 6) };
  if (kind <= 33) return maker.produce(maker.produced());
  if (kind <= 38) return chances.hasTransactions ? maker.endTransaction(maker.produced()) : { op: 'tick', by: 1 };
  if (kind <= 53) return maker.consume(partition);
  if (kind === 54) return maker.clock();
  if (kind <= 57) return { op: 'look' };
  if (kind <= 59 && chances.hasLaggingReplicas) return { op: 'replicas', partition, lag: random.chance(50) };
  if (kind <= 68) return maker.stepLook();
  if (kind <= 75) return { op: 'request', ...maker.requested() };
  if (kind <= 82) return { op: 'step', export: random.between(0, 2), holdsSnapshot: random.chance(15) };
  if (kind <= 85) return { op: 'give up', export: random.between(0, 1) };
  if (kind <= 90) return { op: 'record', export: random.between(0, 2), publishes: !random.chance(10) };
  return rareOperation(maker, kind, partition);
}

function rareOperation(maker: Maker, kind: number, partition: number): Operation {
  const { random, chances } = maker;
  const retained = { op: 'retention', partition: random.chance(30) && chances.hasFolder ? 3 : partition } as const;
  switch (kind) {
    case 91:
      if (chances.hasCuts && random.chance(60)) return { op: 'cut', partition, records: random.between(1, 3) };
      return random.chance(40) ? { op: 'save' } : restart(maker);
    case 92:
      return chances.hasMoves && random.chance(60) ? { op: 'add partition' } : maker.clock();
    case 93:
      return chances.hasMoves
        ? { op: 'assign', partitions: someOf(random), isDeclared: random.chance(30) }
        : { op: 'tick', by: 2 };
    case 94:
      return random.chance(50) ? { op: 'end by hand', partition: random.between(0, 5) } : maker.stepLook();
    case 95:
      if (!chances.hasRetention) return { op: 'consume', partition, records: 99 };
      return random.chance(25) ? { op: 'damage', partition } : { ...retained, records: random.between(1, 4) };
    case 96:
    case 97:
      return chances.hasFiles ? maker.write() : { op: 'tick', by: 1 };
    default:
      return chances.hasFiles ? maker.ingest() : { op: 'look' };
  }
}

function restart(maker: Maker): Operation {
  const offline = maker.random.chance(20) ? { offline: maker.requested() } : {};
  return { op: 'restart', crashes: maker.random.chance(60), ...offline };
}
