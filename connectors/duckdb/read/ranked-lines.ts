import { Buffer } from 'node:buffer';
import { closeSync, openSync, readSync, unlinkSync } from 'node:fs';

const LF = 0x0a;
const TAB = 0x09;
const blockBytes = 1 << 18;

/** A line of `jsonLines` for a state or task. */
export interface RankedLine {
  readonly active: boolean;
  /** The JSON of the id of the state that it is or belongs to; empty for none. */
  readonly stateId: string;
  /** The row's own JSON without its closing brace. */
  readonly json: Buffer;
}

/**
 * Reads the lines of states or tasks from scratch files, one service after another. A file is unlinked as soon as it is
 * open, so that none is left when the process dies. Reads are synchronous: the files are local and were just written,
 * so an asynchronous read would take longer than the read itself.
 */
export class RankedLines {
  readonly #files: number[] = [];
  #block: Buffer = Buffer.alloc(0);
  #at = 0;

  /** Adds a file of whole lines, to be read after the files that were added before. */
  add(path: string): void {
    this.#files.push(openSync(path, 'r'));
    unlinkSync(path);
  }

  /** Takes the lines of the service with this rank. To be called with ascending ranks. */
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

  /** The position of the current line's end, after reading more if needed; negative when all files are read. */
  #lineEnd(): number {
    for (;;) {
      const end = this.#block.indexOf(LF, this.#at);
      const [file] = this.#files;
      if (end >= 0 || file === undefined) return end;
      const more = Buffer.allocUnsafe(blockBytes);
      const count = readSync(file, more);
      if (count === 0) closeSync(this.#files.shift()!);
      // A new buffer each time, because lines that were returned before still refer to the old one.
      this.#block = Buffer.concat([this.#block.subarray(this.#at), more.subarray(0, count)]);
      this.#at = 0;
    }
  }
}
