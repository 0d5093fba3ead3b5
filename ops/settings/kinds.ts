import { Secret } from './secret.ts';

/** How the text or YAML value of a setting is read; `read` returns undefined for a value that is not allowed. */
export interface Kind<T> {
  readonly allowed: string;
  /** True for a secret: allowed in an environment variable or a `…_file` only, and never shown. */
  readonly secret?: true;
  read(given: unknown): T | undefined;
}

/** A setting as it is declared; the default is used where it is not given. */
export interface Setting<T> {
  readonly kind: Kind<T>;
  readonly unit?: string;
  readonly default: T;
  readonly help: string;
}

export type Settings = Readonly<Record<string, Setting<unknown>>>;

export const text: Kind<string> = {
  allowed: 'a non-empty text',
  read: given => (typeof given === 'string' && given !== '' ? given : undefined),
};

/** An empty text counts as null, because a container's environment can set a variable to empty text but not to null. */
export const optionalText: Kind<string | null> = {
  allowed: 'a text, or null for none',
  read: given => (given === null || given === '' ? null : text.read(given)),
};

/**
 * The file of a token, key, certificate or password. Unlike in `optionalText`, an empty text is refused: a variable that was
 * meant to name a file would leave the service without what the file protects.
 */
export const securityFile: Kind<string | null> = {
  allowed: 'the path of a file, or null for none (as a variable: not set)',
  read: given => (given === null ? null : text.read(given)),
};

/** No password is allowed in an address, because addresses are shown in messages and logs. */
export const webAddress: Kind<string | null> = {
  allowed: 'an address that begins with http:// or https:// and holds no password, or null for none',
  read(given) {
    if (given === null || given === '') return null;
    const url = typeof given === 'string' && URL.canParse(given) ? new URL(given) : null;
    if (url === null || !/^https?:$/.test(url.protocol)) return undefined;
    return url.username === '' && url.password === '' && url.search === '' ? String(given) : undefined;
  },
};

export const secret: Kind<Secret | null> = {
  allowed: 'a text, or null for none',
  secret: true,
  read(given) {
    if (given === null || given === '') return null;
    return typeof given === 'string' ? new Secret(given) : undefined;
  },
};

export function wholeNumber(least: number, most: number): Kind<number> {
  return {
    allowed: `a whole number from ${least} to ${most}`,
    read(given) {
      const number = typeof given === 'string' && /^\d+$/.test(given) ? Number(given) : given;
      return typeof number === 'number' && Number.isInteger(number) && number >= least && number <= most
        ? number
        : undefined;
    },
  };
}

export function oneOf<const T extends string>(...choices: readonly T[]): Kind<T> {
  return { allowed: choices.join(', '), read: given => choices.find(choice => choice === given) };
}

export const size: Kind<string> = {
  allowed: 'a size such as 256MB or 2GB',
  read: given => (typeof given === 'string' && /^[1-9]\d{0,6}(MB|GB)$/.test(given) ? given : undefined),
};

export const flag: Kind<boolean> = {
  allowed: 'true, false',
  read: given => (given === true || given === 'true' ? true : given === false || given === 'false' ? false : undefined),
};

export const list: Kind<readonly string[]> = {
  allowed: 'a list of texts (in a variable or flag: with commas between)',
  read(given) {
    const items: unknown = typeof given === 'string' ? given.split(',').filter(item => item !== '') : given;
    if (!Array.isArray(items)) return undefined;
    return items.every(item => typeof item === 'string' && item !== '') ? items : undefined;
  },
};

export const brokers: Kind<readonly string[]> = {
  allowed: 'a list of host:port, without a scheme (in a variable or flag: with commas between)',
  read: given => (list.read(given)?.every(isBroker) ? list.read(given) : undefined),
};

function isBroker(text: string): boolean {
  const [, port] = /^(?:[\w.-]+|\[[\da-fA-F:.]+\]):(\d{1,5})$/.exec(text) ?? [];
  return port !== undefined && Number(port) >= 1 && Number(port) <= 65_535;
}

export const partitions: Kind<readonly number[] | null> = {
  allowed: 'partitions such as 0-7 or 0,2,5-6, or null for those the group assigns',
  read(given) {
    if (given === null || given === '') return null;
    const parts = String(given).split(',');
    const ranges = parts.map(part => /^(\d{1,6})(?:-(\d{1,6}))?$/.exec(part.trim()));
    if (!ranges.every(range => range !== null)) return undefined;
    if (ranges.some(([, first, last = first]) => Number(first) > Number(last))) return undefined;
    const numbers = ranges.flatMap(([, first, last = first]) =>
      Array.from({ length: Number(last) - Number(first) + 1 }, (_, index) => Number(first) + index),
    );
    return [...new Set(numbers)].toSorted((a, b) => a - b);
  },
};

/** The line of a token: name, role and SHA-256 of the token. It holds no secret. */
export const tokenLine = /^([A-Za-z0-9._-]{1,64}):(reader|exporter|operator):([0-9a-f]{64})$/;

/** An empty list is refused: it may come from a template or variable that should have held tokens. */
export const tokenLines: Kind<readonly string[] | null> = {
  allowed:
    'a list of lines name:role:SHA-256 as `tidemark token` prints them, at least one, or null for none; roles are reader, exporter, operator',
  read(given) {
    if (given === null) return null;
    const lines = list.read(given) ?? [];
    return lines.length > 0 && lines.every(line => tokenLine.test(line)) ? lines : undefined;
  },
};

export const folders: Kind<Readonly<Record<string, string>>> = {
  allowed: 'a map of foreign prefixes to folders of the export root (in a variable: as JSON)',
  read(given) {
    const map = typeof given === 'string' ? parsedJson(given) : given;
    if (typeof map !== 'object' || map === null || Array.isArray(map)) return undefined;
    return Object.values(map).every(value => typeof value === 'string') ? (map as Record<string, string>) : undefined;
  },
};

function parsedJson(given: string): unknown {
  try {
    return JSON.parse(given);
  } catch {
    return undefined;
  }
}
