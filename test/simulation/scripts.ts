import type { Maker } from './maker.ts';
import type { Operation } from './operations.ts';

/** Carries the newest export through to its record, with other operations between the steps. */
export function exportScript(maker: Maker): readonly Operation[] {
  const { random } = maker;
  const script: Operation[] = Array.from({ length: random.between(2, 4) }, () => maker.stepLook());
  for (const partition of [0, 1, 2])
    if (random.chance(85)) {
      const records = random.chance(70) ? 99 : random.between(1, 2);
      script.splice(random.between(0, script.length), 0, { op: 'consume', partition, records });
    }
  for (const partition of [0, 1, 2])
    if (random.chance(60)) script.push({ op: 'consume', partition, records: random.chance(70) ? 99 : 1 });
  const holdsSnapshot = random.chance(15);
  script.push({ op: 'step', export: 0, holdsSnapshot });
  if (holdsSnapshot) script.push({ op: 'consume', partition: maker.partition(), records: 1 });
  if (random.chance(20)) script.push({ op: 'give up', export: 0 });
  script.push({ op: 'step', export: random.between(0, 1) }, { op: 'record', export: 0 });
  if (random.chance(20)) script.push({ op: 'record', export: 1 });
  return script.flatMap(operation => (random.chance(22) ? [noise(maker), operation] : [operation]));
}

function noise(maker: Maker): Operation {
  const { random, chances } = maker;
  const partition = maker.partition();
  const kind = random.between(0, 9);
  if (kind <= 4) return maker.produce(partition);
  if (kind === 5) return { op: 'tick', by: random.between(1, 3) };
  if (kind === 6) return maker.endTransaction(partition);
  if (kind === 7) return { op: 'consume', partition, records: 1 };
  if (kind === 8) return chances.stepsClock ? maker.clock() : { op: 'look' };
  return chances.hasRetention ? { op: 'retention', partition, records: random.between(1, 3) } : { op: 'tick', by: 1 };
}
