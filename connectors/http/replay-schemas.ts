import { replayParameterNames, replayParameterTable } from '../../pipeline/requests/replay-parameters.ts';
import { closed, doorNames, reportStates } from './schemas.ts';

/** JSON Schemas of the routes of replays. `readReplayParameters` checks the values of parameters, for all doors. */

export const replayQuery = closed(
  Object.fromEntries(
    replayParameterNames.map(name => {
      const { kind, default: ifAbsent, help } = replayParameterTable[name];
      const type = kind.name === 'flag' ? 'boolean' : 'string';
      return [name, { type, description: `${help} (${kind.allowed}; default: ${ifAbsent})` }];
    }),
  ),
);

export const removeQuery = closed({
  only_cancel: {
    type: 'boolean',
    description: 'true: a replay that has ended is refused, and its database stays (default: false)',
  },
});

const nullableText = { type: ['string', 'null'] } as const;
const count = { type: 'integer', format: 'int64' } as const;

const members = {
  request_id: { type: 'string' },
  state: { type: 'string', enum: reportStates },
  door: { type: 'string', enum: doorNames },
  client: { type: 'string' },
  accepted_at: { type: 'string' },
  ended_at: nullableText,
  request: { type: 'object', additionalProperties: { type: 'string' } },
  from: { type: 'string' },
  until: { type: 'string' },
  allow_gaps: { type: 'boolean' },
  database: {
    ...nullableText,
    description: 'the name of its database in the folder of replays; null while there is none that can be read',
  },
  used_at: { ...nullableText, description: 'when an export last read from the database, or when it was completed' },
  dropped_at: { ...nullableText, description: 'when the database was removed' },
  progress: {
    type: 'object',
    properties: {
      phase: { type: 'string', description: 'queued, reading the log, or ended' },
      records_read: count,
      records: {
        type: ['integer', 'null'],
        description: 'how many there are to read, by their offsets; null: not known',
      },
      bytes: count,
      applied: count,
      quarantined: count,
    },
    required: ['phase', 'records_read', 'records', 'bytes', 'applied', 'quarantined'],
  },
  error: { type: ['object', 'null'], properties: { code: { type: 'string' }, message: { type: 'string' } } },
} as const;

export const replayReport = { type: 'object', properties: members, required: Object.keys(members) } as const;
