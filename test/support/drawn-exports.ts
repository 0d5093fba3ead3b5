const hourMs = 3_600_000;

interface Month {
  /** Milliseconds since 1970 UTC. */
  readonly begin: number;
  readonly longestHours: number;
}

/** The options of an export of some hours of a month of 31 days: window, filters and form of the files are drawn. */
export function drawExport(random: () => number, { begin, longestHours }: Month): readonly string[] {
  const below = (bound: number): number => Math.floor(random() * bound);
  const one = <T>(...all: readonly T[]): T => all[below(all.length)]!;
  const from = begin + below(31 * 24) * hourMs;
  const to = from + (1 + below(longestHours)) * hourMs;
  const format = one('csv', 'csv', 'json', 'ndjson');
  return [
    ...['--time-from', new Date(from).toISOString(), '--time-to', new Date(to).toISOString()],
    ...['--filter-events', one('any', 'started', 'completed'), '--filter-state', one('any', 'active', 'inactive')],
    ...['--format', format, '--compression', one('uncompressed', 'gzip', 'zip')],
    ...(format === 'csv'
      ? ['--separator', one(',', ';', '|', '\t'), '--extensions', one('columns', 'json', 'none')]
      : []),
    ...(random() < 0.5 ? ['--header'] : []),
  ];
}
