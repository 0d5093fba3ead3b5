import { Buffer } from 'node:buffer';
import { closeSync, openSync, readSync, unlinkSync } from 'node:fs';

const LF = 0x0a;
const TAB = 0x09;
const blockBytes = 1 << 18;

/** The row behind a line: which state it is or belongs to, as JSON (empty for none), and its own JSON. */
export interface RankedLine {
  readonly active: boolean;
  readonly stateId: string;
  readonly json: Buffer;
}

/**
 * Reads scratch files of `jsonLines` one after the other, service by service. Reads are synchronous: they come from local
 * files that were just written, and waiting for each would cost more than it. A file has no name any more once it is
 * open, so that nothing is left of it however the process ends.
 */
export class RankedLines {
  readonly #files: number[] = [];
  #block: Buffer = Buffer.alloc(0);
  #at = 0;

  /** Adds a file of whole lines, to be read after those that were added before. */
  add(path: string): void {
    this.#files.push(openSync(path, 'r'));
    unlinkSync(path);
  }

  /** The next lines as long as they are of this service. */
  take(rank: number): readonly RankedLine[] {
    const taken: RankedLine[] = [];
    for (let end = this.#lineEnd(); end >= 0; end = this.#lineEnd()) {
      const tab = this.#block.indexOf(TAB, this.#at);
      if (Number(this.#block.toString('latin1', this.#at, tab)) !== rank) break;
      const idEnd = this.#block.indexOf(TAB, tab + 1);
      taken.push({
        active: this.#block[tab + 1] === 0x41,
        stateId: this.#block.toString('latin1', tab + 2, idEnd),
        json: this.#block.subarray(idEnd + 1, end),
      });
      this.#at = end + 1;
    }
    return taken;
  }

  close(): void {
    for (const file of this.#files.splice(0)) closeSync(file);
  }

  /** Where the current line ends; reads on where it is not whole yet. Negative where all that was added is read. */
  #lineEnd(): number {
    for (;;) {
      const end = this.#block.indexOf(LF, this.#at);
      const [file] = this.#files;
      if (end >= 0 || file === undefined) return end;
      const more = Buffer.allocUnsafe(blockBytes);
      const count = readSync(file, more);
      if (count === 0) closeSync(this.#files.shift()!);
      // A new block each time: lines that were handed out go on living in the old one.
      this.#block = Buffer.concat([this.#block.subarray(this.#at), more.subarray(0, count)]);
      this.#at = 0;
    }
  }
}
