import { inspect } from 'node:util';

/** Shown in place of a secret. */
export const hidden = '***';

/**
 * A text that must not be shown: printed, logged or converted to JSON it is `***`. `reveal` is called only where the text is
 * sent to the system that it belongs to.
 */
export class Secret {
  readonly #text: string;

  constructor(text: string) {
    this.#text = text;
  }

  reveal(): string {
    return this.#text;
  }

  toString(): string {
    return hidden;
  }

  toJSON(): string {
    return hidden;
  }

  [inspect.custom](): string {
    return hidden;
  }
}
