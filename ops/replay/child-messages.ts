import { type FailureCode, failureCodes, TidemarkError } from '../../pipeline/errors.ts';
import type { ReplayProgress } from '../../pipeline/requests/replay-request.ts';
import { Secret } from '../settings/secret.ts';
import type { Config } from '../settings/settings.ts';
import type { AskedReplay } from './planning.ts';

/** What the service sends to the process that makes a replay. It goes over a private channel, so secrets may be in it. */
export type ToChild =
  | {
      readonly kind: 'start';
      readonly id: string;
      readonly asked: AskedReplay;
      /** The bytes of the log that earlier processes read of it. */
      readonly bytesBefore: number;
      readonly config: SentConfig;
    }
  /** Stops it between two transactions. */
  | { readonly kind: 'stop' };

/** What the process tells the service. */
export type FromChild =
  | { readonly kind: 'progress'; readonly progress: ReplayProgress }
  /** Something that a user should know, as a sentence. */
  | { readonly kind: 'notice'; readonly sentence: string }
  | { readonly kind: 'end'; readonly progress: ReplayProgress }
  | { readonly kind: 'failure'; readonly code: FailureCode; readonly message: string };

/** The settings with their secrets as objects that hold the text. */
type SentConfig = Readonly<Record<string, unknown>>;

export function sentConfig(config: Config): SentConfig {
  const entries = Object.entries(config).map(([name, value]) => [
    name,
    value instanceof Secret ? { secret: value.reveal() } : value,
  ]);
  return Object.fromEntries(entries);
}

export function receivedConfig(sent: SentConfig): Config {
  const entries = Object.entries(sent).map(([name, value]) => [
    name,
    isSentSecret(value) ? new Secret(value.secret) : value,
  ]);
  // `sentConfig` made it from a value of this type.
  return Object.fromEntries(entries) as Config;
}

function isSentSecret(value: unknown): value is { readonly secret: string } {
  return typeof value === 'object' && value !== null && 'secret' in value && typeof value.secret === 'string';
}

/** What messages tell the user of the command, and what clients of the service can do. */
const options: readonly (readonly [option: string, parameter: string])[] = [
  ['give --into another file', 'ask for the replay again with a new id'],
  ['--allow-gaps', 'allow_gaps=true'],
  ['--from', 'from'],
  ['--until', 'until'],
];

/** A failure as a client of the service reads it. A place that does not go with the log is a fault of the request. */
export function failureOf({ code, message }: TidemarkError): Extract<FromChild, { kind: 'failure' }> {
  const worded = options
    .reduce((text, [option, parameter]) => text.replaceAll(option, parameter), message)
    // The memory limit of the process is that of replays.
    .replaceAll(/\bmemory_limit\b/g, 'replay_memory_limit');
  return { kind: 'failure', code: code === 'USAGE' ? 'REQUEST_INVALID' : code, message: worded };
}

/** The error of a failure that the process told. */
export function errorOf({ code, message }: Extract<FromChild, { kind: 'failure' }>): TidemarkError {
  return new TidemarkError(failureCodes.includes(code) ? code : 'REPLAY_FAILED', message);
}
