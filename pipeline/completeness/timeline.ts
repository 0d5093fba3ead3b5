/** What an event sets of its service's times. */
type Sets = 'start' | 'end' | 'deletion' | null;

interface TimelineEvent {
  readonly offset: number;
  /** The event's time in milliseconds since 1970 UTC; null where it has none. */
  readonly time: number | null;
  readonly sets: Sets;
}

/**
 * The events of one batch in the order of the log, as far as exports can be contradicted by them. Kept beside the
 * fragments, which no longer show the order and the times of single events.
 */
export class Timeline {
  /** The earliest time of its events; minus infinity when one has no time. */
  earliest = Number.POSITIVE_INFINITY;
  hasDeletions = false;
  readonly #serviceIds: string[] = [];
  readonly #offsets: number[] = [];
  readonly #times: (number | null)[] = [];
  readonly #sets: Sets[] = [];

  /** `time` is not read for a deletion. */
  add(serviceId: string, offset: number, time: number | null, sets: Sets): void {
    this.#serviceIds.push(serviceId);
    this.#offsets.push(offset);
    this.#times.push(time);
    this.#sets.push(sets);
    if (sets === 'deletion') this.hasDeletions = true;
    else if (time === null) this.earliest = Number.NEGATIVE_INFINITY;
    else if (time < this.earliest) this.earliest = time;
  }

  forEach(visit: (event: TimelineEvent, serviceId: string) => void): void {
    for (let index = 0; index < this.#serviceIds.length; index += 1) {
      const event = { offset: this.#offsets[index]!, time: this.#times[index]!, sets: this.#sets[index]! };
      visit(event, this.#serviceIds[index]!);
    }
  }
}
