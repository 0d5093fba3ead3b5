/** A queue for each client. Clients take turns, so that no client waits for all requests of another. */
export class FairQueue<T> {
  readonly #queues = new Map<string, T[]>();

  get length(): number {
    return [...this.#queues.values()].reduce((sum, line) => sum + line.length, 0);
  }

  add(client: string, item: T): void {
    const line = this.#queues.get(client);
    if (line === undefined) this.#queues.set(client, [item]);
    else line.push(item);
  }

  /** Takes the first item of the client whose turn it is; that client is then last in turn. */
  next(): T | undefined {
    const [first] = this.#queues;
    if (first === undefined) return undefined;
    const [client, line] = first;
    const item = line.shift();
    this.#queues.delete(client);
    if (line.length > 0) this.#queues.set(client, line);
    return item;
  }

  /** Removes an item; false when it is not queued. */
  remove(item: T): boolean {
    for (const [client, line] of this.#queues) {
      const at = line.indexOf(item);
      if (at < 0) continue;
      line.splice(at, 1);
      if (line.length === 0) this.#queues.delete(client);
      return true;
    }
    return false;
  }
}
