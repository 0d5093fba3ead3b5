/** CSV lines shaped like the services file of the seed page: ids, codes, timestamps, and many repeated words. */
export function csvText(bytes: number): Buffer {
  const text = Buffer.allocUnsafe(bytes);
  const random = pseudoRandom(20140902);
  for (let at = 0; at < bytes; ) at += text.write(serviceLine(random), at);
  return text;
}

export function median(values: readonly number[]): number {
  const sorted = values.toSorted((left, right) => left - right);
  return sorted[Math.floor(sorted.length / 2)] ?? Number.NaN;
}

function serviceLine(random: () => number): string {
  const digits = (count: number) => String(Math.floor(random() * 10 ** count)).padStart(count, '0');
  const started = new Date(1_400_000_000_000 + Math.floor(random() * 1e10)).toISOString();
  const ended = new Date(1_410_000_000_000 + Math.floor(random() * 1e10)).toISOString();
  const session = Math.floor(random() * 2 ** 45).toString(36);
  const hotel = random() < 0.5 ? 'Terranova mexico resort' : 'Fancy resort Paris';
  const core = `377-${digits(8)}-${digits(4)}-${digits(12)},${digits(1)},11${digits(10)},,true,${digits(3)},3,${session}`;
  return `${core},${digits(1)},3,689,${started},07${digits(8)},${ended},2,11${digits(10)},9,3,tutu,8,true,2,${hotel},4\n`;
}

/** Mulberry32: the same numbers on every run and machine, in [0, 1). */
function pseudoRandom(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}
