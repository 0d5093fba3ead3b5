import { inspect } from 'node:util';

/** What is shown in place of a secret. */
export const hidden = '***';

/**
 * A text that must not be seen: printed, logged, put into a message or made JSON it is `***`. Only who hands it to the
 * outside system it belongs to asks for the text.
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
