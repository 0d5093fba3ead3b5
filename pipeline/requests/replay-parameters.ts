import { parseTimestamp } from '../../schemas/json/timestamps.ts';
import { flag, type Kind } from '../export/parameter-kinds.ts';
import type { Fault, GivenParameters } from '../export/parameters.ts';
import { allowedPlaces, readLogPlace } from './log-place.ts';
import type { ReplayPlan } from './replay-request.ts';

/** A place in the log. Manifests are not allowed, because clients must not name files of the service's machine. */
const place: Kind<string> = {
  name: 'text',
  allowed: allowedPlaces,
  read(given) {
    // A `+` in a query string arrives as a space when the client did not encode it.
    const text = given.replace(/ (?=\d\d:\d\d$)/, '+');
    return readLogPlace(text) === null ? undefined : text;
  },
};

interface ReplayParameter {
  readonly kind: Kind<unknown>;
  readonly default: string;
  readonly help: string;
}

/** Every parameter of a replay. The checks, the HTTP query and the fields of `control.request.avsc` follow from here. */
export const replayParameterTable = {
  from: { kind: place, default: 'beginning', help: 'the place of the log at which the replay begins' },
  until: { kind: place, default: 'now', help: 'the place of the log up to which the replay reads' },
  allow_gaps: {
    kind: flag,
    default: 'false',
    help: 'whether the replay goes on where the log no longer holds what was asked for; manifests then name the gap',
  },
} satisfies Readonly<Record<string, ReplayParameter>>;

export const replayParameterNames = Object.keys(replayParameterTable) as readonly (keyof typeof replayParameterTable)[];

/** Reads and checks every parameter; all faults are found, not just the first. */
export function readReplayParameters(
  given: GivenParameters,
): { readonly places: Pick<ReplayPlan, 'from' | 'until' | 'allowGaps'> } | { readonly faults: readonly Fault[] } {
  const faults: Fault[] = Object.keys(given)
    .filter(name => !Object.hasOwn(replayParameterTable, name))
    .map(parameter => ({
      parameter,
      message: `${parameter} is not a parameter; allowed are ${replayParameterNames.join(', ')}`,
    }));
  const read = (name: keyof typeof replayParameterTable): string => {
    const { kind, default: ifAbsent }: ReplayParameter = replayParameterTable[name];
    const text = given[name] ?? ifAbsent;
    const value = kind.read(text);
    if (value === undefined)
      faults.push({ parameter: name, message: `${name} is ${JSON.stringify(text)}; allowed is ${kind.allowed}` });
    return String(value);
  };
  const places = { from: read('from'), until: read('until'), allowGaps: read('allow_gaps') === 'true' };
  const [begin, end] = [parseTimestamp(places.from), parseTimestamp(places.until)];
  if (typeof begin === 'number' && typeof end === 'number' && end <= begin)
    faults.push({ parameter: 'until', message: `until ${places.until} must be later than from ${places.from}` });
  return faults.length > 0 ? { faults } : { places };
}
