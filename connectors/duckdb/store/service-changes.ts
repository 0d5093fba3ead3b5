import type { Fragment } from '../../../pipeline/ingest/fold.ts';
import { entityTables } from '../../../schemas/columns.ts';
import { endKey, type SeenKeys } from './seen-keys.ts';

export interface KnownService {
  readonly serviceId: string;
  readonly serviceKey: number;
}

const { values } = entityTables.service;
const startColumn = values.indexOf('start_timestamp');
const endColumn = values.indexOf('end_timestamp');

/** How the services of a batch relate to stored ones, as far as the seen keys tell. */
export class ServiceChanges {
  /** The services that may have been stored before the batch. */
  readonly known: KnownService[] = [];
  /** True when one of them gets a start. */
  restarts = false;
  /** True when one of them may have an end already and gets a start or an end. */
  endsAgain = false;

  /**
   * Notes a service, before the key of its row is added to the seen keys. `fragment` is that of its own row; undefined
   * where the batch changes only its states and tasks.
   */
  note({ fragment, ...service }: KnownService & { readonly fragment: Fragment | undefined }, seenKeys: SeenKeys): void {
    const isKnown = seenKeys.has(service.serviceKey);
    if (isKnown) this.known.push(service);
    const starts = fragment?.columns[startColumn] !== undefined;
    const ends = fragment?.columns[endColumn] !== undefined;
    // Every service that gets an end is noted in the seen keys, also a new one.
    const hadEnd = ends ? seenKeys.add(endKey(service.serviceKey)) : seenKeys.has(endKey(service.serviceKey));
    if (!isKnown || (!starts && !ends)) return;
    if (starts) this.restarts = true;
    if (hadEnd) this.endsAgain = true;
  }
}
