import v8 from 'node:v8';

/** How many promises something still holds, after a collection of garbage. */
export function promisesAlive(): number {
  return Number(v8.queryObjects(Promise, { format: 'count' }));
}
