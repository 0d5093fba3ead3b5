import { choice, flag, type Kind, paths, separator, text, time } from './parameter-kinds.ts';

export interface Parameter<T> {
  readonly kind: Kind<T>;
  /** The value when the parameter is absent; null where there is none. */
  readonly default: T | null;
  /** What applies when the parameter is absent, where the default value does not say it. */
  readonly defaultInWords?: string;
  readonly required?: true;
  readonly example?: string;
  readonly help: string;
}

/**
 * Every parameter of an export, declared once. The checks, the HTTP query, the options of `tidemark export` and the table
 * in the README follow from here; a test checks that `control.request.avsc` has the same names in the same order.
 */
export const parameterTable = {
  time_from: {
    kind: time,
    default: null,
    required: true,
    example: '2010-08-05T09:00:00.000Z',
    help: 'the start of the window, included',
  },
  time_to: {
    kind: time,
    default: null,
    defaultInWords: 'now',
    example: '2010-08-05T10:00:00.000Z',
    help: 'the end of the window, not included',
  },
  filter_events: {
    kind: choice('any', 'started', 'completed'),
    default: 'any',
    help: 'which event of a service must lie in the window; any is its start or its end',
  },
  filter_state: {
    kind: choice('any', 'active', 'inactive'),
    default: 'any',
    help: 'which of these services are exported; active ones are not yet completed, inactive ones are',
  },
  file_prefix: {
    kind: text,
    default: null,
    required: true,
    example: 'hourly/calls_',
    help: 'the folder of the files and the beginning of their names: a path relative to the export root, an absolute path inside it, or a path that begins with a prefix of prefix_map',
  },
  format: { kind: choice('csv', 'json', 'ndjson'), default: 'csv', help: 'the format of the files' },
  compression: {
    kind: choice('uncompressed', 'zip', 'gzip'),
    default: 'uncompressed',
    help: 'how each file is compressed',
  },
  separator: { kind: separator, default: ',', help: 'CSV only: the character between two values' },
  header: { kind: flag, default: false, help: 'CSV only: whether the first line holds the names of the columns' },
  extensions: {
    kind: choice('columns', 'json', 'none'),
    default: 'columns',
    help: 'CSV only: extensions as one column per path, as one column of JSON, or left out',
  },
  extension_columns: {
    kind: paths,
    default: null,
    defaultInWords: 'every path found',
    example: 'label,Survey.rating',
    help: 'CSV with extensions=columns only: the paths that become columns, so that all files have the same columns',
  },
  manifest: { kind: flag, default: false, help: 'whether a manifest is written beside the files' },
  wait: {
    kind: choice('end', 'complete', 'none'),
    default: 'end',
    help: 'what a running service waits for before it exports: end: until the records that the log held at acceptance are stored; complete: until the window is complete; none: nothing',
  },
  from_replay: {
    kind: text,
    default: null,
    defaultInWords: 'the live database',
    example: 'march-again',
    help: 'the id of a completed replay whose database is exported instead of the live one; nothing is waited for',
  },
} satisfies Readonly<Record<string, Parameter<unknown>>>;

export type ParameterName = keyof typeof parameterTable;
type KindValue<N extends ParameterName> = (typeof parameterTable)[N]['kind'] extends Kind<infer T> ? T : never;
/** The type of a parameter's value: null when it is absent, not required and without default. */
export type ParameterValue<N extends ParameterName> =
  | KindValue<N>
  | ((typeof parameterTable)[N] extends { readonly required: true }
      ? never
      : (typeof parameterTable)[N]['default'] & null);

export const parameterNames = Object.keys(parameterTable) as readonly ParameterName[];

/** What may be given for a parameter, in words; with an example where the values cannot be listed. */
export function describeAllowed(name: ParameterName): string {
  const { kind, example }: Parameter<unknown> = parameterTable[name];
  return example === undefined ? kind.allowed : `${kind.allowed}, such as ${example}`;
}

/** What applies when a parameter is absent, in words; null for a required one. */
export function describeDefault(name: ParameterName): string | null {
  const { default: value, defaultInWords, required }: Parameter<unknown> = parameterTable[name];
  return required ? null : (defaultInWords ?? String(value));
}

/** The sentence on a parameter in the help of the command line and in the HTTP description. */
export function describeParameter(name: ParameterName): string {
  const { kind, help }: Parameter<unknown> = parameterTable[name];
  const allowed = kind.name === 'flag' ? '' : `${describeAllowed(name)}; `;
  const ifAbsent = describeDefault(name);
  return `${help} (${allowed}${ifAbsent === null ? 'required' : `default: ${ifAbsent}`})`;
}
