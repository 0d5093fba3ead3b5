import type { RankedLine, RankedLines } from './ranked-lines.ts';

const LF = 0x0a;

/** A row that holds tasks: its JSON without the closing brace, and the JSON of its tasks. */
interface Holder {
  readonly head: Buffer;
  readonly activeTasks: Buffer[];
  readonly completedTasks: Buffer[];
}

interface AssemblerParts {
  /** What stands between two services; the last one is followed by a line end. */
  readonly separator: string;
  readonly states: Pick<RankedLines, 'take'>;
  readonly tasks: Pick<RankedLines, 'take'>;
}

/**
 * Puts services together from the lines of their rows, as bytes: no row is parsed, only laid into its place. Holds one
 * service at a time. A task whose state exists lies in that state, any other in the service.
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

  /** Takes the next bytes of the services' lines; gives the bytes of the services that are whole by now. */
  take(bytes: Uint8Array): Uint8Array {
    const lines = Buffer.concat([this.#rest, bytes]);
    let start = 0;
    for (let end = lines.indexOf(LF); end >= 0; end = lines.indexOf(LF, start)) {
      this.#service(lines.subarray(start, end));
      start = end + 1;
    }
    this.#rest = lines.subarray(start);
    return this.#flush();
  }

  end(): Uint8Array {
    if (this.rows > 0) this.#out.push(lineEnd);
    return this.#flush();
  }

  /** The lines of states and tasks carry the rank of their service: its number among the services' lines. */
  #service(head: Buffer): void {
    if (this.rows > 0) this.#out.push(this.#separator);
    this.rows += 1;
    const service: Holder = { head, activeTasks: [], completedTasks: [] };
    const active: Holder[] = [];
    const completed: Holder[] = [];
    const byId = new Map<string, Holder>();
    for (const line of this.#states.take(this.rows)) {
      const state: Holder = { head: line.json, activeTasks: [], completedTasks: [] };
      (line.active ? active : completed).push(state);
      byId.set(line.stateId, state);
    }
    for (const line of this.#tasks.take(this.rows)) putTask(byId.get(line.stateId) ?? service, line);
    this.#out.push(head);
    this.#putStates(opening.activeStates, active);
    this.#putStates(opening.completedStates, completed);
    this.#out.push(closing);
    this.#putTasks(service);
  }

  #putStates(open: Buffer, states: readonly Holder[]): void {
    this.#out.push(open);
    for (const [index, state] of states.entries()) {
      if (index > 0) this.#out.push(comma);
      this.#out.push(state.head);
      this.#putTasks(state);
    }
  }

  /** The two arrays of tasks, and the end of the row that holds them. */
  #putTasks({ activeTasks, completedTasks }: Holder): void {
    const arrays = [
      [opening.activeTasks, activeTasks],
      [opening.completedTasks, completedTasks],
    ] as const;
    for (const [open, tasks] of arrays) {
      this.#out.push(open);
      for (const [index, task] of tasks.entries())
        this.#out.push(...(index > 0 ? [comma, task, brace] : [task, brace]));
    }
    this.#out.push(ending);
  }

  #flush(): Uint8Array {
    const flushed = Buffer.concat(this.#out);
    this.#out = [];
    return flushed;
  }
}

function putTask(holder: Holder, { active, json }: RankedLine): void {
  (active ? holder.activeTasks : holder.completedTasks).push(json);
}

const opening = {
  activeStates: Buffer.from(',"active_states":['),
  completedStates: Buffer.from('],"completed_states":['),
  activeTasks: Buffer.from(',"active_tasks":['),
  completedTasks: Buffer.from('],"completed_tasks":['),
};
const [comma, brace, closing, ending, lineEnd] = [',', '}', ']', ']}', '\n'].map(text => Buffer.from(text)) as [
  Buffer,
  Buffer,
  Buffer,
  Buffer,
  Buffer,
];
