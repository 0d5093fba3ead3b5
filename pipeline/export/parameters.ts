import { formatTimestamp } from '../../schemas/json/timestamps.ts';
import {
  describeAllowed,
  type Parameter,
  type ParameterName,
  type ParameterValue,
  parameterNames,
  parameterTable,
} from './parameter-table.ts';
import type { Layout, Selection } from './selection.ts';

/** The parameters of an export as a client gave them, by their names in `parameterTable`; all values are text. */
export type GivenParameters = Readonly<Record<string, string>>;

/** The checked parameters of an export. `timeTo` is null when the window ends at acceptance. */
export interface ExportParameters extends Layout {
  readonly filePrefix: string;
  readonly timeFrom: number;
  readonly timeTo: number | null;
  readonly filterEvents: Selection['filterEvents'];
  readonly filterState: Selection['filterState'];
  readonly manifest: boolean;
  /** What the export waits for before its snapshot (contract 4.22). */
  readonly wait: 'end' | 'complete' | 'none';
  /** The id of the replay whose database is exported; null for the live one. */
  readonly fromReplay: string | null;
}

/** One thing wrong with a request: which parameter, what was given, what is allowed. */
export interface Fault {
  readonly parameter: string;
  readonly message: string;
}

/**
 * Reads and checks every parameter; all faults are found, not just the first. `acceptedAt` (ms since 1970 UTC) ends a
 * window without `time_to`.
 */
export function readParameters(
  given: GivenParameters,
  acceptedAt: number,
): { readonly parameters: ExportParameters } | { readonly faults: readonly Fault[] } {
  const { read, faults } = parameterReader(given);
  const parameters: ExportParameters = {
    filePrefix: read('file_prefix'),
    timeFrom: read('time_from'),
    timeTo: read('time_to'),
    filterEvents: read('filter_events'),
    filterState: read('filter_state'),
    format: read('format'),
    compression: read('compression'),
    separator: read('separator'),
    header: read('header'),
    extensions: read('extensions'),
    extensionColumns: read('extension_columns'),
    manifest: read('manifest'),
    wait: read('wait'),
    fromReplay: read('from_replay'),
  };
  faults.push(...unknownFaults(given));
  if (given.extension_columns !== undefined && parameters.extensions !== 'columns') {
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

interface ParameterReader {
  /** Returns the value of a parameter. A faulty one is added to `faults`, and the returned value must not be used. */
  readonly read: <N extends ParameterName>(name: N) => ParameterValue<N>;
  readonly faults: Fault[];
}

function parameterReader(given: GivenParameters): ParameterReader {
  const faults: Fault[] = [];
  const refuse = (parameter: ParameterName, message: string): void => {
    faults.push({ parameter, message: `${parameter} ${message}` });
  };
  const read = <N extends ParameterName>(name: N): ParameterValue<N> => {
    const { kind, default: ifAbsent, required }: Parameter<unknown> = parameterTable[name];
    const text = given[name];
    const value = text === undefined ? ifAbsent : kind.read(text);
    if (required && (text === undefined || text === '')) refuse(name, 'is required');
    else if (value === undefined) refuse(name, `is ${JSON.stringify(text)}; allowed is ${describeAllowed(name)}`);
    return (value ?? ifAbsent) as ParameterValue<N>;
  };
  return { read, faults };
}

function unknownFaults(given: GivenParameters): readonly Fault[] {
  const known: ReadonlySet<string> = new Set(parameterNames);
  return Object.keys(given)
    .filter(name => !known.has(name))
    .map(parameter => {
      const message = `${parameter} is not a parameter; allowed are ${parameterNames.join(', ')}`;
      return { parameter, message };
    });
}
