import { optionalText, type Settings, size, wholeNumber } from './kinds.ts';

/** The replays of the service, which are to leave it the memory and the processor that it needs. */
export const replaySettings = {
  replay_folder: {
    kind: optionalText,
    default: null,
    help: "the folder for the databases of the service's replays; without it, the path of db followed by .replays",
  },
  replay_keep_hours: {
    kind: wholeNumber(1, 876_000),
    unit: 'hours',
    default: 168,
    help: 'how long after its last use the database of a replay is dropped',
  },
  replays_at_once: { kind: wholeNumber(1, 16), default: 1, help: 'how many replays the service runs at once' },
  replay_memory_limit: {
    kind: size,
    default: '256MB',
    help: 'the memory DuckDB may use for a replay, and for exports from its database',
  },
  replay_threads: {
    kind: wholeNumber(1, 256),
    default: 1,
    help: "DuckDB's threads for a replay, and for exports from its database",
  },
} satisfies Settings;
