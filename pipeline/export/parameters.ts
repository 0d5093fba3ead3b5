import { formatTimestamp, parseInstant } from '../../schemas/json/timestamps.ts';
import type { Layout, Selection } from './selection.ts';

/** The parameters of an export as a client gave them, by their contract names (sections 3 and 5); all values are text. */
export type GivenParameters = Readonly<Record<string, string>>;

/** An export that may be accepted. `timeTo` is null when it is to be the moment of acceptance. */
export interface ExportParameters extends Layout {
  readonly filePrefix: string;
  readonly timeFrom: number;
  readonly timeTo: number | null;
  readonly filterEvents: Selection['filterEvents'];
  readonly filterState: Selection['filterState'];
  readonly manifest: boolean;
  /** What the export waits for, within bounds: the log's end, a complete window, or nothing. */
  readonly wait: 'end' | 'complete' | 'none';
}

/** One thing wrong with a request: which parameter, what was given, what is allowed. */
export interface Fault {
  readonly parameter: string;
  readonly message: string;
}

export const parameterNames = [
  'time_from',
  'time_to',
  'filter_events',
  'filter_state',
  'file_prefix',
  'format',
  'compression',
  'separator',
  'header',
  'extensions',
  'extension_columns',
  'manifest',
  'wait',
] as const;

export type ParameterName = (typeof parameterNames)[number];

/**
 * Reads and checks every parameter; all faults are found, not just the first. `acceptedAt` (ms since 1970 UTC) ends a
 * window without `time_to`.
 */
export function readParameters(
  given: GivenParameters,
  acceptedAt: number,
): { readonly parameters: ExportParameters } | { readonly faults: readonly Fault[] } {
  const faults: Fault[] = [];
  const read = new ParameterReader(given, faults);
  const parameters: ExportParameters = {
    filePrefix: read.text('file_prefix'),
    timeFrom: read.time('time_from') ?? read.required('time_from', 0),
    timeTo: read.time('time_to'),
    filterEvents: read.choice('filter_events', ['any', 'started', 'completed']),
    filterState: read.choice('filter_state', ['any', 'active', 'inactive']),
    format: read.choice('format', ['csv', 'json', 'ndjson']),
    compression: read.choice('compression', ['uncompressed', 'zip', 'gzip']),
    separator: read.separator(),
    header: read.flag('header'),
    extensions: read.choice('extensions', ['columns', 'json', 'none']),
    extensionColumns: read.list('extension_columns'),
    manifest: read.flag('manifest'),
    wait: read.choice('wait', ['end', 'complete', 'none']),
  };
  read.unknown();
  if (parameters.extensionColumns !== null && parameters.extensions !== 'columns') {
    faults.push({
      parameter: 'extension_columns',
      message: `extension_columns goes with extensions=columns, not with ${parameters.extensions}`,
    });
  }
  const { timeFrom, timeTo } = parameters;
  const timesAreKnown = !faults.some(({ parameter }) => parameter === 'time_from' || parameter === 'time_to');
  if (timesAreKnown) faults.push(...windowFaults(timeFrom, timeTo ?? acceptedAt));
  return faults.length > 0 ? { faults } : { parameters };
}

/** A window is `[from, to)` and holds at least a millisecond. */
function windowFaults(timeFrom: number, timeTo: number): readonly Fault[] {
  if (timeTo > timeFrom) return [];
  const message = `time_to ${formatTimestamp(timeTo)} must be later than time_from ${formatTimestamp(timeFrom)}`;
  return [{ parameter: 'time_to', message }];
}

class ParameterReader {
  readonly #given: GivenParameters;
  readonly #faults: Fault[];

  constructor(given: GivenParameters, faults: Fault[]) {
    this.#given = given;
    this.#faults = faults;
  }

  text(name: ParameterName): string {
    const text = this.#given[name] ?? '';
    return text === '' ? this.required(name, '') : text;
  }

  time(name: ParameterName): number | null {
    const text = this.#given[name];
    if (text === undefined) return null;
    // A `+` in a query string arrives as a space when the client did not encode it.
    const time = parseInstant(text.replace(/ (?=\d\d:\d\d$)/, '+'));
    if (time !== undefined) return time;
    this.#refuse(name, text, 'a date and time with zone, such as 2014-09-02T08:00:00.000Z');
    return 0;
  }

  choice<const T extends string>(name: ParameterName, allowed: readonly [T, ...T[]]): T {
    const text = this.#given[name] ?? allowed[0];
    const chosen = allowed.find(choice => choice === text);
    if (chosen === undefined) this.#refuse(name, text, allowed.join(', '));
    return chosen ?? allowed[0];
  }

  flag(name: ParameterName): boolean {
    const text = this.#given[name] ?? 'false';
    if (text !== 'true' && text !== 'false') this.#refuse(name, text, 'true, false');
    return text === 'true';
  }

  separator(): string {
    const text = this.#given.separator ?? ',';
    if (text === '\\t' || text === '\t') return '\t';
    // Letters, digits and the characters inside of times and numbers would make a file that no reader can cut.
    if (/^[!-~]$/.test(text) && !/[A-Za-z0-9".\-:#]/.test(text)) return text;
    this.#refuse(
      'separator',
      text,
      '"," ";" "|" "\\t", or another printable ASCII character that is no letter, digit, space, quote or one of . - : #',
    );
    return ',';
  }

  list(name: ParameterName): readonly string[] | null {
    const text = this.#given[name];
    if (text === undefined) return null;
    const items = text.split(',');
    if (items.includes('') || new Set(items).size < items.length) {
      this.#refuse(name, text, 'different extension paths with commas between, such as label,Survey.rating');
    }
    return items;
  }

  required<T>(name: ParameterName, instead: T): T {
    this.#faults.push({ parameter: name, message: `${name} is required` });
    return instead;
  }

  unknown(): void {
    const known: ReadonlySet<string> = new Set(parameterNames);
    for (const name of Object.keys(this.#given)) {
      if (!known.has(name))
        this.#faults.push({
          parameter: name,
          message: `${name} is no parameter; allowed are ${parameterNames.join(', ')}`,
        });
    }
  }

  #refuse(name: ParameterName, given: string, allowed: string): void {
    this.#faults.push({ parameter: name, message: `${name} is ${JSON.stringify(given)}; allowed is ${allowed}` });
  }
}
