/** A line for each client, served by turns: nobody waits behind all that somebody else has asked for. */
export class FairQueue<T> {
  readonly #lines = new Map<string, T[]>();

  get length(): number {
    return [...this.#lines.values()].reduce((sum, line) => sum + line.length, 0);
  }

  add(client: string, item: T): void {
    const line = this.#lines.get(client);
    if (line === undefined) this.#lines.set(client, [item]);
    else line.push(item);
  }

  /** The first of the client whose turn it is, who then goes to the end of the round. */
  next(): T | undefined {
    const [turn] = this.#lines;
    if (turn === undefined) return undefined;
    const [client, line] = turn;
    const item = line.shift();
    this.#lines.delete(client);
    if (line.length > 0) this.#lines.set(client, line);
    return item;
  }

  /** Takes an item out of the line; false when it is not there. */
  remove(item: T): boolean {
    for (const [client, line] of this.#lines) {
      const at = line.indexOf(item);
      if (at < 0) continue;
      line.splice(at, 1);
      if (line.length === 0) this.#lines.delete(client);
      return true;
    }
    return false;
  }
}
