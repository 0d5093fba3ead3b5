import type { FastifyReply } from 'fastify';
import { time } from '../../pipeline/export/parameter-kinds.ts';
import type { ExportRecord, ListFilter } from '../../pipeline/export/request.ts';
import { isInstant } from '../../schemas/json/timestamps.ts';
import { requestInvalid } from './queries.ts';
import type { doorNames, reportStates } from './schemas.ts';

/** The query of `GET /exports`, of which the schema has checked names and choices. */
export interface PageQuery {
  readonly limit?: number;
  readonly cursor?: string;
  readonly state?: (typeof reportStates)[number];
  readonly door?: (typeof doorNames)[number];
  readonly accepted_from?: string;
  readonly accepted_to?: string;
}

/** Which exports a page lists. Throws `REQUEST_INVALID` naming every fault. */
function readPage(query: PageQuery): { readonly limit: number; readonly filter: ListFilter } {
  const faults: { parameter: string; message: string }[] = [];
  const read = <T>(parameter: 'cursor' | 'accepted_from' | 'accepted_to', reader: Reader<T>): T | null => {
    const text = query[parameter];
    const value = text === undefined ? null : reader.read(text);
    if (value !== undefined) return value;
    faults.push({ parameter, message: `${parameter} is ${JSON.stringify(text)}; allowed is ${reader.allowed}` });
    return null;
  };
  const { limit = 100, state, door } = query;
  const filter: ListFilter = {
    after: read('cursor', cursor),
    acceptedFrom: read('accepted_from', time),
    acceptedTo: read('accepted_to', time),
    // Clients see an export that is being published as running.
    states: state === undefined ? null : state === 'running' ? ['running', 'publishing'] : [state],
    door: door ?? null,
  };
  if (faults.length > 0) throw requestInvalid(faults);
  return { limit, filter };
}

/** The value of the header `Link` with the address of the next page, which begins after `last`. */
function nextPageLink(address: string, query: PageQuery, last: Pick<ExportRecord, 'acceptedAt' | 'requestId'>): string {
  const next = new URLSearchParams();
  for (const [name, value] of Object.entries({ ...query, cursor: cursorOf(last) })) next.set(name, String(value));
  return `<${address}?${next}>; rel="next"`;
}

/** The page of a list that the query asks for; the header `Link` has the address of the next one. Throws `REQUEST_INVALID`. */
export async function sendPage<V extends { readonly record: Pick<ExportRecord, 'acceptedAt' | 'requestId'> }>(
  address: string,
  query: PageQuery,
  reply: FastifyReply,
  list: (limit: number, filter: ListFilter) => Promise<readonly V[]>,
): Promise<readonly V[]> {
  const { limit, filter } = readPage(query);
  // One more than the page holds shows whether there is a next page.
  const views = await list(limit + 1, filter);
  const page = views.slice(0, limit);
  const last = page.at(-1);
  if (views.length > limit && last !== undefined) reply.header('link', nextPageLink(address, query, last.record));
  return page;
}

interface Reader<T> {
  readonly allowed: string;
  read(text: string): T | undefined;
}

/** A place in the list of exports, as text that clients hand back unread. */
const cursor: Reader<NonNullable<ListFilter['after']>> = {
  allowed: 'the cursor of a Link header of this service',
  read(text) {
    try {
      const [acceptedAt, requestId] = JSON.parse(Buffer.from(text, 'base64url').toString()) as unknown[];
      if (!Number.isSafeInteger(acceptedAt) || typeof requestId !== 'string') return undefined;
      return isInstant(acceptedAt as number) ? { acceptedAt: acceptedAt as number, requestId } : undefined;
    } catch {
      return undefined;
    }
  },
};

function cursorOf({ acceptedAt, requestId }: Pick<ExportRecord, 'acceptedAt' | 'requestId'>): string {
  return Buffer.from(JSON.stringify([acceptedAt, requestId])).toString('base64url');
}
