import { createReadStream } from 'node:fs';
import path from 'node:path';
import { createInterface } from 'node:readline';
import { createGunzip } from 'node:zlib';
import { packageRoot } from '../../schemas/package-files.ts';

/** One event of a call: a parsed line. */
export interface Call {
  readonly event: string;
  readonly service_id: string;
  readonly timestamp: string;
  readonly [member: string]: unknown;
}

/** Recorded calls of one call centre: the day ships with the package, the month lies with the tests. */
const recordings = {
  day: 'examples/calls-2010-08-05.ndjson.gz',
  month: 'test/golden/calls/calls-august.ndjson.gz',
} as const;

export async function* recordedCalls(recording: keyof typeof recordings): AsyncGenerator<Call> {
  const input = createReadStream(path.join(packageRoot(), recordings[recording])).pipe(createGunzip());
  for await (const line of createInterface({ input, crlfDelay: Number.POSITIVE_INFINITY })) yield JSON.parse(line);
}

/** Repeats the recorded day without end: each round has new service ids, and every event has the current time. */
export async function* endlessCalls(now: () => number): AsyncGenerator<Call> {
  const day: Call[] = [];
  for await (const call of recordedCalls('day')) day.push(call);
  // Two loads, one after the other, have different services too.
  const run = now().toString(36);
  for (let round = 1; ; round += 1) {
    const rename = (id: string) => `${run}.${round}.${id}`;
    for (const call of day) yield { ...renamed(call, rename), timestamp: new Date(now()).toISOString() };
  }
}

const ids = new Set(['service_id', 'state_id', 'task_id', 'previous_state_id']);

/** The event with other ids. */
function renamed<T extends object>(call: T, rename: (id: string) => string): T {
  const entries = Object.entries(call).map(([name, value]) => {
    if (ids.has(name)) return [name, rename(String(value))];
    return [name, name === 'from' || name === 'to' ? renamed(value, rename) : value];
  });
  return Object.fromEntries(entries);
}
