import type { EventVerb } from '../support/event-batches.ts';

/**
 * The partitions of the simulated world, by number: 0 to 2 are those of a topic, 3 and 4 the logs of a folder, 5 and 6 are
 * files. Units of `ingest`: 0 is the folder, 1 and 2 are the files.
 */
export const topicPartitions = 3;
export const partitionCount = 7;
export const files = [5, 6] as const;

export function partitionsOfUnit(unit: number): readonly number[] {
  return unit === 0 ? [3, 4] : [unit + 4];
}

export function unitOf(partition: number): number {
  return partition < 5 ? 0 : partition - 4;
}

/** Settings, and what the world is like at its beginning. Times are milliseconds; one tick of the world is one of them. */
export interface Setting {
  readonly allowedLatenessMs: number;
  /** Also the most that the store's clock may differ from the true one. */
  readonly clockLatenessMs: number;
  readonly skewMs: number;
  /** How many partitions the topic has at first; 0: no topic is followed, and exports run without a service. */
  readonly partitions: number;
  /** The partitions that the group gives to this process at first. */
  readonly assigned: readonly number[];
  /** False when the first look is still to come. */
  readonly isLooked: boolean;
  /** True when the topic is followed no longer at the end, and its partitions are ended by hand. */
  readonly endsByHand: boolean;
}

export type Wait = 'none' | 'end' | 'complete';

export interface Written {
  readonly service: string;
  readonly event: EventVerb;
  /** How long before now its time is; negative: it is ahead. */
  readonly delay: number;
  /** True when it carries a time of its own. */
  readonly isTimed: boolean;
}

/** A request for the window `[now - back - length, now - back)`. */
export interface Requested {
  readonly back: number;
  readonly length: number;
  readonly events: 'any' | 'started' | 'completed';
  readonly state: 'any' | 'active' | 'inactive';
  readonly wait: Wait;
}

/**
 * One step of a history. `export` counts from the newest: 0 is the last that was requested. An operation that makes no
 * sense where it stands changes nothing, so that any part of a history is a history.
 */
export type Operation =
  | { readonly op: 'tick'; readonly by: number }
  | { readonly op: 'set clock'; readonly ahead: number }
  | { readonly op: 'replicas'; readonly partition: number; readonly lag: boolean }
  | ({ readonly op: 'produce'; readonly partition: number; readonly producer: number } & Written & {
        readonly recordAhead: number;
        readonly inTransaction: boolean;
      })
  | {
      readonly op: 'end transaction';
      readonly partition: number;
      readonly producer: number;
      readonly commits: boolean;
    }
  | { readonly op: 'add partition' }
  | { readonly op: 'retention'; readonly partition: number; readonly records: number }
  | { readonly op: 'damage'; readonly partition: number }
  | { readonly op: 'cut'; readonly partition: number; readonly records: number }
  | { readonly op: 'consume'; readonly partition: number; readonly records: number }
  | { readonly op: 'look' }
  | { readonly op: 'step look'; readonly fails?: boolean }
  | { readonly op: 'save' }
  | { readonly op: 'assign'; readonly partitions: readonly number[]; readonly isDeclared: boolean }
  | { readonly op: 'end by hand'; readonly partition: number }
  | { readonly op: 'restart'; readonly crashes: boolean; readonly offline?: Requested }
  | ({ readonly op: 'write'; readonly file: number } & Written)
  | {
      readonly op: 'ingest';
      readonly units: readonly number[];
      /** It is interrupted after this many records. */
      readonly records: number;
      readonly coversUntil?: number;
    }
  | ({ readonly op: 'request' } & Requested)
  /** It looks whether it has waited enough; `holdsSnapshot`: its snapshot is opened only at its next operation. */
  | { readonly op: 'step'; readonly export: number; readonly holdsSnapshot?: boolean }
  | { readonly op: 'give up'; readonly export: number }
  /** The verdict is recorded; `publishes: false` leaves the files without their names until the next step or restart. */
  | { readonly op: 'record'; readonly export: number; readonly publishes?: boolean };

/** All that happens in a world. */
export interface History {
  readonly setting: Setting;
  readonly operations: readonly Operation[];
}

export function nameOfNumber(partition: number): string {
  if (partition < 3) return `calls/${partition}`;
  return partition < 5 ? `folder/${partition - 3}` : `file-${partition - 5}/0`;
}
