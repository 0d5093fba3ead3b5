import type { MemoryWorld } from './memory-service.ts';

/**
 * The life of a process: its steps in the world take a while, so that those of different requests mix, and it can be made
 * to die at any of them.
 */
export class Life {
  /** Resolves when it has died. */
  readonly died: Promise<void>;
  isDead = false;
  #stepsLeft = Number.POSITIVE_INFINITY;
  #does = true;
  #tell: () => void = () => undefined;
  readonly #random: () => number;

  constructor(random: () => number) {
    this.#random = random;
    this.died = new Promise(resolve => {
      this.#tell = resolve;
    });
  }

  /** It dies at its n-th step from now, and whether that step is still done. */
  dieIn(steps: number, doesLast: boolean): void {
    this.#stepsLeft = steps;
    this.#does = doesLast;
  }

  /** Nothing more comes of it. */
  end(): void {
    this.isDead = true;
  }

  /** Takes a step; what a dead process waits for never comes. */
  async step<T>(work: () => Promise<T>): Promise<T> {
    await this.#while();
    if (this.isDead) return never();
    this.#stepsLeft -= 1;
    if (this.#stepsLeft > 0) {
      const result = await work();
      await this.#while();
      return result;
    }
    this.isDead = true;
    if (this.#does) await work().catch(() => undefined);
    this.#tell();
    return never();
  }

  async #while(): Promise<void> {
    for (let turns = Math.floor(this.#random() * 4); turns > 0; turns -= 1)
      await new Promise(resolve => setImmediate(resolve));
  }
}

function never<T>(): Promise<T> {
  return new Promise<T>(() => undefined);
}

/** The same world, in which each call is a step of one life. */
export function mortal({ store, directory, topic }: MemoryWorld, life: Life): MemoryWorld {
  const wrapped = stepwise(store, life);
  const control = stepwise(store.control, life);
  const withControl = new Proxy(wrapped, {
    get: (target, name) => (name === 'control' ? control : Reflect.get(target, name)),
  });
  return { store: withControl, directory: stepwise(directory, life), topic };
}

/** Every method that gives a promise becomes a step; files that it gives too. */
function stepwise<T extends object>(target: T, life: Life): T {
  return new Proxy(target, {
    get(of, name) {
      const member: unknown = Reflect.get(of, name);
      if (typeof member !== 'function') return member;
      return (...args: unknown[]) => life.step(async () => asStepwise(await member.apply(of, args), life));
    },
  });
}

function asStepwise(result: unknown, life: Life): unknown {
  const isFile = typeof result === 'object' && result !== null && 'seal' in result;
  return isFile ? stepwise(result, life) : result;
}
