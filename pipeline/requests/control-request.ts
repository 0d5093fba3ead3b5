import { AvroSyntaxError } from '../../schemas/avro/reader.ts';
import type { RequestMembers } from '../../schemas/avro/request.ts';
import type { WriterSchemas } from '../../schemas/decode.ts';
import { isReject, rejected } from '../../schemas/events/decode-members.ts';
import type { Reject, RejectReason } from '../../schemas/events/events.ts';
import { isWireFormat, schemaIdOf } from '../../schemas/events/wire-format.ts';
import { isJsonObject, JsonNumber, JsonSyntaxError, parseJson } from '../../schemas/json/json.ts';
import { show, WrongType } from '../../schemas/json/members.ts';
import type { GivenParameters } from '../export/parameters.ts';
import type { LogRecord } from '../ports.ts';

/** What a record of the control topic asks for. The key is the request id; without one nobody could be answered. */
export type ControlRequest =
  | { readonly kind: 'export'; readonly requestId: string; readonly given: GivenParameters }
  | { readonly kind: 'cancel'; readonly requestId: string }
  | { readonly kind: 'faulty'; readonly requestId: string; readonly message: string }
  | { readonly kind: 'unanswerable'; readonly reject: Reject };

const actions = ['export', 'cancel', 'replay'] as const;

/**
 * Reads a record, whatever its bytes; whether the parameters are good is for whoever accepts them. A value that begins with
 * the wire format's zero byte is Avro, of one of these schemas; any other is JSON.
 */
export function readControlRequest(
  { key, value }: Pick<LogRecord, 'key' | 'value'>,
  schemas: WriterSchemas | null,
): ControlRequest {
  const requestId = idOf(key);
  const body = value !== null && isWireFormat(value) ? readAvro(value, schemas) : readJson(value);
  if (requestId === undefined) return unanswerable('MALFORMED', 'the key, a request id, is not UTF-8');
  if (requestId === null) {
    if (isReject(body)) return { kind: 'unanswerable', reject: body };
    return unanswerable('NO_KEY', 'the record has no key, which is to be the request id: nobody could be answered');
  }
  return isReject(body) ? { kind: 'faulty', requestId, message: body.message } : readAction(requestId, body);
}

function readAction(requestId: string, body: RequestMembers): ControlRequest {
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
function split(body: RequestMembers): {
  readonly action: unknown;
  readonly parameters: Map<string, string | undefined>;
} {
  const parameters = new Map<string, string | undefined>();
  for (const [name, value] of body) {
    if (name === 'action' || value === null) continue;
    if (typeof value === 'string') parameters.set(name, value);
    else if (typeof value === 'boolean') parameters.set(name, String(value));
    else parameters.set(name, value instanceof JsonNumber ? value.text : undefined);
  }
  return { action: body.get('action'), parameters };
}

function shown(body: RequestMembers, name: string): string {
  const value = body.get(name);
  return value === undefined ? 'absent' : show(value);
}

/** The request's object, or why there is none. */
function readJson(value: Uint8Array | null): RequestMembers | Reject {
  const allowed = 'allowed is a JSON object with an action';
  if (value === null) return malformed(`the record has no value; ${allowed}`);
  const text = textOf(value);
  if (text === undefined) return malformed(`the value is not UTF-8; ${allowed}`);
  try {
    const body = parseJson(text);
    return isJsonObject(body) ? body : malformed(`the value is JSON but no object; ${allowed}`);
  } catch (error) {
    if (error instanceof JsonSyntaxError) return malformed(`the value is no JSON: ${error.message}`);
    throw error;
  }
}

/** The request's record, or why there is none. */
function readAvro(value: Uint8Array, schemas: WriterSchemas | null): RequestMembers | Reject {
  if (schemas === null) return malformed('the value begins as Avro does, but no schema registry is configured');
  const id = schemaIdOf(value);
  if (id === null) return malformed('the value is not a zero byte and a schema id of four bytes');
  const schema = schemas.get(id);
  if (schema === undefined) {
    return rejected('UNKNOWN_SCHEMA', null, `the schema registry has no schema ${id}, which the value names`);
  }
  try {
    const body = schema.request(value);
    if (!(body instanceof WrongType)) return body;
    return rejected('UNKNOWN_KIND', null, `the value is ${body.shown}; allowed is an Avro record control.request`);
  } catch (error) {
    if (error instanceof AvroSyntaxError) return malformed(error.message);
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

function malformed(message: string): Reject {
  return rejected('MALFORMED', null, message);
}

function unanswerable(reason: RejectReason, message: string): ControlRequest {
  return { kind: 'unanswerable', reject: rejected(reason, null, message) };
}
