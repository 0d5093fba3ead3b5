import type { Operation } from './operations.ts';
import { exported, type Script, started } from './script-parts.ts';

/** A line without a time comes to a service that a complete export holds. */
const untimedLine: Script = maker => {
  const { allowedLatenessMs } = maker.setting;
  const service = `s${10 + maker.random.between(0, 3)}`;
  const write = { op: 'write', file: 1, service, isTimed: true } as const;
  return [
    { ...write, event: 'service.started', delay: 4 + allowedLatenessMs },
    { ...write, event: 'state.started', delay: 0 },
    { op: 'ingest', units: [2], records: 99 },
    ...exported(allowedLatenessMs + maker.random.between(0, 2), 8, 'none'),
    { ...write, event: 'service.associated', delay: 0, isTimed: false },
    { op: 'ingest', units: [2], records: 99 },
  ];
};

/** Of two files only the first is read: its times reach beyond those of the second. */
const diedBetweenFiles: Script = maker => {
  const { random } = maker;
  const [first, second] = random.pick([0, 1] as const, [1, 0] as const);
  const line = { op: 'write', event: 'service.started', isTimed: true } as const;
  const { allowedLatenessMs } = maker.setting;
  return [
    { ...line, file: first, service: 's11', delay: 0 },
    { ...line, file: second, service: 's10', delay: allowedLatenessMs + random.between(1, 4) },
    { op: 'ingest', units: [first + 1, second + 1], records: 1 },
    ...exported(allowedLatenessMs, 9, 'none'),
    { op: 'ingest', units: [first + 1, second + 1], records: 99 },
  ];
};

/** A file grows, and `ingest` of it and others is interrupted before all is read. */
const grownFile: Script = maker => {
  const { random } = maker;
  const [first, second] = random.pick([1, 2], [2, 1], [1, 0], [0, 2]);
  const write = (unit: number, delay: number): Operation =>
    unit === 0
      ? started(maker, 3, delay)
      : { op: 'write', file: unit - 1, service: 's10', event: 'service.started', delay, isTimed: true };
  return [
    write(first!, random.between(0, 1)),
    { op: 'ingest', units: [first!], records: 99 },
    write(random.pick(first!, second!), random.between(3, 5)),
    { op: 'ingest', units: [first!, second!], records: random.between(0, 1) },
    ...exported(maker.setting.allowedLatenessMs + random.between(0, 2), 9, 'none'),
    { op: 'ingest', units: [first!, second!], records: 99 },
  ];
};

/** A line of a far time is read, and then one that was expected. */
const farLine: Script = maker => {
  const { random, setting } = maker;
  const line = { op: 'write', file: 0, event: 'service.started', isTimed: true } as const;
  return [
    { ...line, service: 's10', delay: 2 + setting.allowedLatenessMs },
    { ...line, service: 's11', delay: -random.between(10, 30) },
    { op: 'ingest', units: [1], records: 99 },
    ...exported(random.between(-1, 1), 9, 'none'),
    { ...line, service: 's12', delay: random.between(1, 2) },
    { op: 'ingest', units: [1], records: 99 },
  ];
};

export const fileScripts = [untimedLine, grownFile, diedBetweenFiles, farLine] as const;
