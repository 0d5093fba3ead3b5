const text = 'x'.repeat(200_000);

/** Services of 200 KB each in one month, twenty megabytes in all, and one small service in another. */
export const wideServices: readonly string[] = [
  ...Array.from({ length: 100 }, (_, index) => ({ service_id: `s-${index}`, month: '06', contact_key: text })),
  { service_id: 'small', month: '07' },
].map(({ month, ...event }) =>
  JSON.stringify({ event: 'service.started', timestamp: `2020-${month}-01T00:00:00Z`, ...event }),
);

const windowOf = (month: string) => `time_from=2020-${month}-01T00:00:00Z&time_to=2020-${month}-02T00:00:00Z`;

/** The windows of the two, as queries have them. */
export const wideWindow = windowOf('06');
export const smallWindow = windowOf('07');
