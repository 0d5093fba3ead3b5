import type { RankedLine, RankedLines } from './ranked-lines.ts';

const LF = 0x0a;

/** A service or state: its JSON without the closing brace, and the JSON of its tasks. */
interface TaskHolder {
  readonly head: Buffer;
  readonly activeTasks: Buffer[];
  readonly completedTasks: Buffer[];
}

interface AssemblerParts {
  /** Written between two services; a line end follows the last one. */
  readonly separator: string;
  readonly states: Pick<RankedLines, 'take'>;
  readonly tasks: Pick<RankedLines, 'take'>;
}

/**
 * Inserts the JSON of states and tasks into the JSON of their services (contract 4.15), as bytes, without parsing any.
 * Holds one service in memory at a time.
 */
export class ServiceAssembler {
  readonly #separator: Buffer;
  readonly #states: Pick<RankedLines, 'take'>;
  readonly #tasks: Pick<RankedLines, 'take'>;
  #rest: Buffer = Buffer.alloc(0);
  #out: Buffer[] = [];
  rows = 0;

  constructor({ separator, states, tasks }: AssemblerParts) {
    this.#separator = Buffer.from(separator);
    this.#states = states;
    this.#tasks = tasks;
  }

  /** Takes the next bytes of the services' lines, and returns the bytes of the services that are complete. */
  take(bytes: Uint8Array): Uint8Array {
    const lines = Buffer.concat([this.#rest, bytes]);
    let start = 0;
    for (let end = lines.indexOf(LF); end >= 0; end = lines.indexOf(LF, start)) {
      this.#writeService(lines.subarray(start, end));
      start = end + 1;
    }
    this.#rest = lines.subarray(start);
    return this.#flush();
  }

  /** Returns the last bytes of the file's lines. */
  end(): Uint8Array {
    if (this.rows > 0) this.#out.push(lineEnd);
    return this.#flush();
  }

  /** A service's rank, by which its states and tasks are found, is the number of its line. */
  #writeService(head: Buffer): void {
    if (this.rows > 0) this.#out.push(this.#separator);
    this.rows += 1;
    const service: TaskHolder = { head, activeTasks: [], completedTasks: [] };
    const active: TaskHolder[] = [];
    const completed: TaskHolder[] = [];
    const byId = new Map<string, TaskHolder>();
    for (const line of this.#states.take(this.rows)) {
      const state: TaskHolder = { head: line.json, activeTasks: [], completedTasks: [] };
      (line.active ? active : completed).push(state);
      byId.set(line.stateId, state);
    }
    for (const line of this.#tasks.take(this.rows)) addTask(byId.get(line.stateId) ?? service, line);
    this.#out.push(head);
    this.#writeStates(opening.activeStates, active);
    this.#writeStates(opening.completedStates, completed);
    this.#out.push(arrayEnd);
    this.#writeTasks(service);
  }

  #writeStates(open: Buffer, states: readonly TaskHolder[]): void {
    this.#out.push(open);
    for (const [index, state] of states.entries()) {
      if (index > 0) this.#out.push(comma);
      this.#out.push(state.head);
      this.#writeTasks(state);
    }
  }

  /** Writes the two arrays of tasks, and the closing brace of the service or state. */
  #writeTasks({ activeTasks, completedTasks }: TaskHolder): void {
    const arrays = [
      [opening.activeTasks, activeTasks],
      [opening.completedTasks, completedTasks],
    ] as const;
    for (const [open, tasks] of arrays) {
      this.#out.push(open);
      for (const [index, task] of tasks.entries())
        this.#out.push(...(index > 0 ? [comma, task, objectEnd] : [task, objectEnd]));
    }
    this.#out.push(arrayAndObjectEnd);
  }

  #flush(): Uint8Array {
    const flushed = Buffer.concat(this.#out);
    this.#out = [];
    return flushed;
  }
}

function addTask(holder: TaskHolder, { active, json }: RankedLine): void {
  (active ? holder.activeTasks : holder.completedTasks).push(json);
}

const opening = {
  activeStates: Buffer.from(',"active_states":['),
  completedStates: Buffer.from('],"completed_states":['),
  activeTasks: Buffer.from(',"active_tasks":['),
  completedTasks: Buffer.from('],"completed_tasks":['),
};
const [comma, objectEnd, arrayEnd, arrayAndObjectEnd, lineEnd] = [',', '}', ']', ']}', '\n'].map(text =>
  Buffer.from(text),
) as [Buffer, Buffer, Buffer, Buffer, Buffer];
