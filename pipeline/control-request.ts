import type { Reject } from '../schemas/events.ts';
import { compactJson, isJsonObject, JsonNumber, type JsonObject, JsonSyntaxError, parseJson } from '../schemas/json.ts';
import type { GivenParameters } from './parameters.ts';
import type { LogRecord } from './ports.ts';

/** What a record of the control topic asks for. The key is the request id; without one nobody could be answered. */
export type ControlRequest =
  | { readonly kind: 'export'; readonly requestId: string; readonly given: GivenParameters }
  | { readonly kind: 'cancel'; readonly requestId: string }
  | { readonly kind: 'faulty'; readonly requestId: string; readonly message: string }
  | { readonly kind: 'unanswerable'; readonly reject: Reject };

const actions = ['export', 'cancel', 'replay'] as const;

/** Reads a record, whatever its bytes; whether the parameters are good is for whoever accepts them. */
export function readControlRequest({ key, value }: Pick<LogRecord, 'key' | 'value'>): ControlRequest {
  const requestId = idOf(key);
  const body = readBody(value);
  if (requestId === undefined) return unanswerable('MALFORMED', 'the key, a request id, is not UTF-8');
  if (requestId === null) {
    if (typeof body === 'string') return unanswerable('MALFORMED', body);
    return unanswerable('NO_KEY', 'the record has no key, which is to be the request id: nobody could be answered');
  }
  return typeof body === 'string' ? { kind: 'faulty', requestId, message: body } : readAction(requestId, body);
}

function readAction(requestId: string, body: JsonObject): ControlRequest {
  const faulty = (message: string): ControlRequest => ({ kind: 'faulty', requestId, message });
  const { action, parameters } = split(body);
  const faults = Array.from(parameters)
    .filter(([, text]) => text === undefined)
    .map(([name]) => `${name} is ${shown(body, name)}; allowed are text, true, false and numbers`);
  switch (action) {
    case 'export':
      if (faults.length > 0) return faulty(faults.join('; '));
      return { kind: 'export', requestId, given: Object.fromEntries(parameters) as GivenParameters };
    case 'cancel':
      if (parameters.size > 0) return faulty(`${[...parameters.keys()].join(', ')}: cancel takes no parameters`);
      return { kind: 'cancel', requestId };
    case 'replay':
      return faulty('replay cannot be asked for on the control topic yet');
    default:
      return faulty(`action is ${shown(body, 'action')}; allowed are ${actions.join(', ')}`);
  }
}

/** Values as text, as an HTTP client would spell them; undefined where a value is no text. What is null is not there. */
function split(body: JsonObject): { readonly action: unknown; readonly parameters: Map<string, string | undefined> } {
  const parameters = new Map<string, string | undefined>();
  for (const [name, value] of body) {
    if (name === 'action' || value === null) continue;
    if (typeof value === 'string') parameters.set(name, value);
    else if (typeof value === 'boolean') parameters.set(name, String(value));
    else parameters.set(name, value instanceof JsonNumber ? value.text : undefined);
  }
  return { action: body.get('action'), parameters };
}

function shown(body: JsonObject, name: string): string {
  const value = body.get(name);
  return value === undefined ? 'absent' : compactJson(value);
}

/** The request's object, or why there is none. */
function readBody(value: Uint8Array | null): JsonObject | string {
  if (value === null) return 'the record has no value; allowed is a JSON object with an action';
  const text = textOf(value);
  if (text === undefined) return 'the value is not UTF-8; allowed is a JSON object with an action';
  try {
    const body = parseJson(text);
    return isJsonObject(body) ? body : 'the value is JSON but no object; allowed is a JSON object with an action';
  } catch (error) {
    if (error instanceof JsonSyntaxError) return `the value is no JSON: ${error.message}`;
    throw error;
  }
}

/** Null: there is none. Undefined: it is no text. */
function idOf(key: Uint8Array | null): string | null | undefined {
  return key === null || key.length === 0 ? null : textOf(key);
}

const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

function textOf(bytes: Uint8Array): string | undefined {
  try {
    return utf8.decode(bytes);
  } catch {
    return undefined;
  }
}

function unanswerable(reason: Reject['reason'], message: string): ControlRequest {
  return { kind: 'unanswerable', reject: { reason, field: null, message } };
}
