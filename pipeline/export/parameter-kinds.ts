import { parseInstant } from '../../schemas/json/timestamps.ts';

/** The HTTP schema and the command line use this name to choose how a parameter is described. */
export type KindName = 'time' | 'choice' | 'flag' | 'separator' | 'list' | 'text';

/** How the text of a parameter becomes its value. */
export interface Kind<T> {
  readonly name: KindName;
  /** What may be given, in words. */
  readonly allowed: string;
  /** All texts that may be given, where they can be listed. */
  readonly choices?: readonly string[];
  /** The value; undefined where the text is not allowed. */
  read(text: string): T | undefined;
}

/** Milliseconds since 1970 UTC. */
export const time: Kind<number> = {
  name: 'time',
  allowed: 'a date and time with zone',
  // A `+` in a query string arrives as a space when the client did not encode it.
  read: text => parseInstant(text.replace(/ (?=\d\d:\d\d$)/, '+')),
};

export function choice<const T extends string>(...choices: readonly T[]): Kind<T> {
  return {
    name: 'choice',
    allowed: choices.join(', '),
    choices,
    read: text => choices.find(allowed => allowed === text),
  };
}

export const flag: Kind<boolean> = {
  name: 'flag',
  allowed: 'true, false',
  read: text => (text === 'true' ? true : text === 'false' ? false : undefined),
};

export const separator: Kind<string> = {
  name: 'separator',
  allowed:
    '"," ";" "|" "\\t", or another printable ASCII character that is no letter, digit, space, quote or one of . - : #',
  read(text) {
    if (text === '\\t' || text === '\t') return '\t';
    // Letters, digits and the characters inside of times and numbers would make a file that no reader can split.
    return /^[!-~]$/.test(text) && !/[A-Za-z0-9".\-:#]/.test(text) ? text : undefined;
  },
};

export const paths: Kind<readonly string[]> = {
  name: 'list',
  allowed: 'different extension paths, separated by commas',
  read(text) {
    const items = text.split(',');
    return items.includes('') || new Set(items).size < items.length ? undefined : items;
  },
};

export const text: Kind<string> = {
  name: 'text',
  allowed: 'a text that is not empty',
  read: given => (given === '' ? undefined : given),
};
