import { roles } from './access.ts';
import { exportParameters, selectionParameters } from './parameter-schemas.ts';

/**
 * JSON Schemas of the routes. Fastify validates requests with them, and `/openapi.json` is made from them. They check names
 * and choices; `readParameters` checks the values of export parameters completely, for all three doors.
 */

const flag = { type: 'boolean' } as const;

export const exportQuery = closed(exportParameters.properties, exportParameters.required);

const exportContent = { ...flag, description: 'true for whole services, false for their ids (default: false)' };

export const streamQuery = closed(
  { ...selectionParameters.properties, export_content: exportContent },
  selectionParameters.required,
);

export const serviceQuery = closed({
  active_states: flag,
  completed_states: flag,
  active_tasks: flag,
  completed_tasks: flag,
});

/** The states of an export and the doors as clients know them. */
export const reportStates = ['accepted', 'running', 'completed', 'failed', 'cancelled'] as const;
export const doorNames = ['http', 'control', 'cli'] as const;

const acceptedRange = { type: 'string', format: 'date-time' } as const;

export const listQuery = closed({
  limit: { type: 'integer', minimum: 1, maximum: 1000, description: 'a whole number from 1 to 1000' },
  cursor: { type: 'string', minLength: 1, description: 'the cursor of a Link header of this service' },
  state: { type: 'string', enum: reportStates },
  door: { type: 'string', enum: doorNames },
  accepted_from: { ...acceptedRange, description: 'a date and time with zone; only those accepted then or later' },
  accepted_to: { ...acceptedRange, description: 'a date and time with zone; only those accepted before' },
});

export const nextPageHeaders = {
  Link: {
    type: 'string',
    description: '</exports?…>; rel="next": the next page (of replays: </replays?…>); absent on the last one',
  },
} as const;

export const noQuery = closed({});

export const paths = { type: 'array', items: { type: 'string' } } as const;

const idText = { type: 'string', minLength: 1, description: 'a non-empty text' } as const;
export const requestIdParams = { type: 'object', properties: { id: idText }, required: ['id'] } as const;
export const serviceIdParams = requestIdParams;
export const fileParams = {
  type: 'object',
  properties: { id: idText, name: idText },
  required: ['id', 'name'],
} as const;

export const completenessHeaders = {
  'Tidemark-Completeness': {
    type: 'string',
    enum: ['complete', 'provisional'],
    description: 'the verdict on the export; absent before it is completed',
  },
} as const;

const nullableText = { type: ['string', 'null'] } as const;
const count = { type: 'integer' } as const;

const file = {
  type: 'object',
  properties: {
    name: { type: 'string' },
    path: { type: 'string' },
    kind: { type: 'string' },
    rows: count,
    bytes: count,
    sha256: { type: 'string' },
    packed_bytes: count,
    packed_sha256: { type: 'string' },
    href: { type: 'string' },
  },
  required: ['name', 'path', 'kind', 'rows', 'bytes', 'sha256', 'packed_bytes', 'packed_sha256', 'href'],
} as const;

const reportMembers = {
  request_id: { type: 'string' },
  state: { type: 'string', enum: reportStates },
  door: { type: 'string' },
  client: { type: 'string' },
  accepted_at: { type: 'string' },
  ended_at: nullableText,
  request: { type: 'object', additionalProperties: { type: 'string' } },
  folder: {
    type: ['string', 'null'],
    description: 'the folder of the files, relative to the export root; null when it is in an earlier export root',
  },
  created: { ...paths, description: 'the paths of the files as the client spells them, also before they exist' },
  progress: {
    type: 'object',
    properties: {
      phase: { type: 'string', description: 'queued, waiting for the log, writing, or ended' },
      file: nullableText,
      rows: count,
      bytes: count,
      bytes_per_second: count,
      waited_ms: count,
    },
    required: ['phase', 'file', 'rows', 'bytes', 'bytes_per_second', 'waited_ms'],
  },
  files: { type: 'array', items: file },
  manifest_href: nullableText,
  manifest: {
    type: ['object', 'null'],
    description: 'as the schema Manifest describes it; null before the export is completed, and in lists',
    additionalProperties: true,
  },
  error: { type: ['object', 'null'], properties: { code: { type: 'string' }, message: { type: 'string' } } },
  completeness: {
    type: ['string', 'null'],
    enum: ['complete', 'provisional', null],
    description: 'the verdict on a completed export; null before',
  },
  changed_since: {
    type: ['object', 'null'],
    description: 'the first event that contradicted a complete export; null where there was none',
    properties: {
      at: { type: 'string', description: 'when the event was stored' },
      topic: { type: 'string' },
      partition: { type: 'integer', format: 'int32' },
      offset: { type: 'integer', format: 'int64' },
      services: { type: 'integer', format: 'int64', description: 'how many services such events changed' },
    },
    required: ['at', 'topic', 'partition', 'offset', 'services'],
  },
} as const;

export const report = { type: 'object', properties: reportMembers, required: Object.keys(reportMembers) } as const;

/** A source of events. */
export const partition = {
  type: 'object',
  properties: {
    topic: { type: 'string' },
    partition: { type: ['integer', 'null'], description: 'null for the topic itself' },
    kind: { type: 'string', enum: ['live', 'ended', 'ended by hand', 'not read'] },
    first_offset: { type: ['integer', 'null'] },
    next_offset: { type: ['integer', 'null'] },
    watermark: nullableText,
    vouched_by: { ...nullableText, description: 'what the watermark rests on' },
    reason: { ...nullableText, description: 'why windows wait for it, or who ended it' },
  },
} as const;

export const topicParams = { type: 'object', properties: { topic: idText }, required: ['topic'] } as const;

export const partitionParams = {
  type: 'object',
  properties: {
    topic: idText,
    partition: { type: 'integer', minimum: 0, description: 'a whole number' },
  },
  required: ['topic', 'partition'],
} as const;

const refusal = {
  type: 'object',
  properties: {
    message: { type: 'string' },
    exception: { type: 'string', description: 'a failure code, such as REQUEST_INVALID' },
    code: { type: 'integer', description: 'the HTTP status' },
  },
  required: ['message', 'exception', 'code'],
} as const;

const refusalDescriptions: Readonly<Record<number, string>> = {
  400: 'a parameter is missing or wrong; the message names every fault',
  401: 'the token is missing or unknown',
  403: `the token does not have the needed role; the roles are ${roles.join(', ')}`,
  404: 'no export, replay, file or service has this id or name',
  409: 'the export or replay has ended, was cancelled or has not ended yet, or its request id was used with other parameters',
  410: 'the file was moved away or changed, or the database of the replay was dropped',
  413: 'the body is too large; parameters go into the query',
  416: 'the range is outside of the file',
  429: 'too many requests; try again after the seconds in Retry-After',
  500: 'the service failed; its log says why',
  503: 'the queue of exports or replays is full, memory ran out, or the service is stopping; try again after the seconds in Retry-After',
  507: 'the disk is full',
};

/** The response schemas of the refusals that every route has, and of those with these statuses. */
export function refusalResponses(...statuses: readonly number[]): Readonly<Record<number, object>> {
  const all = [...new Set([400, 401, 403, 429, 500, 503, ...statuses])].toSorted((one, other) => one - other);
  return Object.fromEntries(all.map(status => [status, { ...refusal, description: refusalDescriptions[status] }]));
}

/** The schema of an object that has these members and no others. */
export function closed<const P extends Readonly<Record<string, object>>>(
  properties: P,
  required: readonly string[] = [],
) {
  return { type: 'object', properties, required, additionalProperties: false } as const;
}
