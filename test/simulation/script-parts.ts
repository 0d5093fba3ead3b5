import type { Maker } from './maker.ts';
import type { Operation, Wait } from './operations.ts';

/** A part of a history that is made on purpose. */
export type Script = (maker: Maker) => readonly Operation[];

export const looked: readonly Operation[] = [{ op: 'look' }, { op: 'step look' }, { op: 'step look' }];
export const stored: readonly Operation[] = [0, 1, 2].map(partition => ({ op: 'consume', partition, records: 99 }));
/** Everything is stored, and a look has said so. */
export const upToDate: readonly Operation[] = [...looked, ...stored, ...looked, ...stored];

/** An export of `[now - back - length, now - back)` up to its record. */
export function exported(back: number, length: number, wait: Wait): readonly Operation[] {
  const steps: readonly Operation[] = wait === 'none' ? [] : [{ op: 'step look' }, { op: 'step look' }];
  return [
    { op: 'request', back, length, events: 'any', state: 'any', wait },
    ...steps,
    { op: 'step', export: 0 },
    { op: 'record', export: 0 },
  ];
}

export function latenessOf({ setting }: Maker): number {
  return Math.max(setting.allowedLatenessMs, setting.clockLatenessMs);
}

export function started(maker: Maker, partition: number, delay: number, recordAhead = 0): Operation {
  const service = `s${partition * 2 + maker.random.between(0, 1)}`;
  const event = { event: 'service.started', service, delay, isTimed: true } as const;
  return { op: 'produce', partition, producer: 0, ...event, recordAhead, inTransaction: false };
}
