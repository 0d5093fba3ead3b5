import { availableParallelism } from 'node:os';
import { Secret } from './secret.ts';

/** How a setting's text or YAML value becomes its value; undefined where it is not allowed. */
interface Kind<T> {
  readonly allowed: string;
  /** Comes from a variable, or from the file that the setting of the same name and `_file` names; is never shown. */
  readonly secret?: true;
  read(given: unknown): T | undefined;
}

export interface Setting<T> {
  readonly kind: Kind<T>;
  readonly unit?: string;
  readonly default: T;
  readonly help: string;
}

const text: Kind<string> = {
  allowed: 'a non-empty text',
  read: given => (typeof given === 'string' && given !== '' ? given : undefined),
};

/** An empty variable is how a container's environment says none. */
const optionalText: Kind<string | null> = {
  allowed: 'a text, or null for none',
  read: given => (given === null || given === '' ? null : text.read(given)),
};

const secret: Kind<Secret | null> = {
  allowed: 'a text, or null for none',
  secret: true,
  read(given) {
    if (given === null || given === '') return null;
    return typeof given === 'string' ? new Secret(given) : undefined;
  },
};

function wholeNumber(least: number, most: number): Kind<number> {
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

function oneOf<const T extends string>(...choices: readonly T[]): Kind<T> {
  return { allowed: choices.join(', '), read: given => choices.find(choice => choice === given) };
}

const size: Kind<string> = {
  allowed: 'a size such as 256MB or 2GB',
  read: given => (typeof given === 'string' && /^[1-9]\d{0,6}(MB|GB)$/.test(given) ? given : undefined),
};

const folders: Kind<Readonly<Record<string, string>>> = {
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

/** Every setting, declared once: the YAML file, the variables, the flags, their help and their checks follow from here. */
export const settings = {
  db: { kind: text, default: 'tidemark.duckdb', help: 'the DuckDB file; one process at a time owns it' },
  export_root: { kind: text, default: 'exports', help: 'the folder that all exports lie in' },
  prefix_map: {
    kind: folders,
    default: {},
    help: 'foreign file prefixes, such as C:/export, and their folders in the export root',
  },
  memory_limit: {
    kind: size,
    default: '256MB',
    help: "DuckDB's memory; larger sorts spill to disk beside the database",
  },
  threads: { kind: wholeNumber(1, 256), default: availableParallelism(), help: "DuckDB's threads" },
  batch_records: {
    kind: wholeNumber(1, 1_000_000),
    unit: 'records',
    default: 20_000,
    help: 'the most records one transaction stores',
  },
  batch_bytes: {
    kind: wholeNumber(1024, 1 << 30),
    unit: 'bytes',
    default: 16 << 20,
    help: 'the most bytes one transaction stores',
  },
  key_format: { kind: oneOf('string', 'json'), default: 'string', help: 'how record keys are written' },
  skew_ms: {
    kind: wholeNumber(0, 86_400_000),
    unit: 'ms',
    default: 300_000,
    help: "an event later than its record's own time by more moves no watermark",
  },
  allowed_lateness_ms: {
    kind: wholeNumber(0, 31_536_000_000),
    unit: 'ms',
    default: 0,
    help: 'how far a watermark must have passed the end of a window before its export is complete',
  },
  max_extension_columns: {
    kind: wholeNumber(0, 10_000),
    unit: 'columns',
    default: 1_000,
    help: 'the most extension columns one CSV file may have',
  },
  registry_url: {
    kind: optionalText,
    default: null,
    help: 'the schema registry of Avro records, such as http://registry:8081; without it all records are JSON',
  },
  registry_username: { kind: optionalText, default: null, help: 'who we are at the schema registry' },
  registry_password: { kind: secret, default: null, help: 'the password of registry_username' },
  registry_password_file: { kind: optionalText, default: null, help: 'a file that holds registry_password' },
} satisfies Readonly<Record<string, Setting<unknown>>>;

export type SettingName = keyof typeof settings;
type Value<S> = S extends { readonly kind: Kind<infer T> } ? T : never;
export type Config = { readonly [name in SettingName]: Value<(typeof settings)[name]> };

export const settingNames = Object.keys(settings) as readonly SettingName[];

/** Settings that are never shown. For each there is one of the same name and `_file`. */
export type SecretName = { [name in SettingName]: Secret extends Config[name] ? name : never }[SettingName];

export function isSecret(name: SettingName): name is SecretName {
  const { kind }: Setting<unknown> = settings[name];
  return kind.secret === true;
}
