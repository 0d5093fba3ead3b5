import type { withBatch, withLook, withTopics } from '../../pipeline/completeness/changes.ts';
import type { findContradictions } from '../../pipeline/completeness/contradictions.ts';
import type { withGiven } from '../../pipeline/completeness/ends.ts';
import type { whyGap, whyUnknownBeginning } from '../../pipeline/completeness/losses.ts';
import type { watermarkOf } from '../../pipeline/completeness/sources.ts';
import type { judgeCompleteness } from '../../pipeline/completeness/verdict.ts';
import type { waitForLog } from '../../pipeline/export/log-wait.ts';

interface Replaceable {
  readonly judgeCompleteness: typeof judgeCompleteness;
  readonly watermarkOf: typeof watermarkOf;
  readonly whyGap: typeof whyGap;
  readonly whyUnknownBeginning: typeof whyUnknownBeginning;
  readonly findContradictions: typeof findContradictions;
  readonly withBatch: typeof withBatch;
  readonly withGiven: typeof withGiven;
  readonly withLook: typeof withLook;
  readonly withTopics: typeof withTopics;
  readonly waitForLog: typeof waitForLog;
}

/** Wrong functions, each made from the real one that it takes the place of. */
export type Wrong = { readonly [N in keyof Replaceable]?: (real: Replaceable[N]) => Replaceable[N] };

const names = [
  ...['judgeCompleteness', 'watermarkOf', 'whyGap', 'whyUnknownBeginning', 'findContradictions'],
  ...['withBatch', 'withGiven', 'withLook', 'withTopics', 'waitForLog'],
] as const;

type AnyFunction = (...given: readonly unknown[]) => unknown;

let wrongs: Readonly<Record<string, (real: AnyFunction) => AnyFunction>> = {};

/** Puts wrong functions in the place of the real ones until the next call. */
export function replace(wrong: Wrong): void {
  // Each function is called with what its own name was given.
  wrongs = wrong as typeof wrongs;
}

/** The module with functions that call the wrong one while there is one. To be returned by the factory of `vi.mock`. */
export function replaceable<M extends object>(module: M): M {
  const calls = Object.entries(module)
    .filter(([name]) => (names as readonly string[]).includes(name))
    .map(([name, real]) => [name, (...given: readonly unknown[]) => (wrongs[name]?.(real) ?? real)(...given)]);
  return { ...module, ...Object.fromEntries(calls) };
}
