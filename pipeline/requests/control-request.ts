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
import { requestIdFault, utf8Text } from './request-id.ts';

/** The request of a record of the control topic. The key is the request id; a record without one gets no status. */
export type ControlRequest =
  | { readonly kind: 'export' | 'replay'; readonly requestId: string; readonly given: GivenParameters }
  | { readonly kind: 'cancel'; readonly requestId: string }
  | {
      readonly kind: 'faulty';
      readonly requestId: string;
      /** The action where it is known; null otherwise. */
      readonly action: Action | null;
      readonly message: string;
    }
  | { readonly kind: 'unanswerable'; readonly reject: Reject };

const actions = ['export', 'cancel', 'replay'] as const;
type Action = (typeof actions)[number];

/**
 * Reads a record; never throws, whatever its bytes. The values of parameters are checked later, at acceptance. A value that
 * begins with the wire format's zero byte is Avro with one of the `schemas`; any other is JSON.
 */
export function readControlRequest(
  { key, value }: Pick<LogRecord, 'key' | 'value'>,
  schemas: WriterSchemas | null,
): ControlRequest {
  const requestId = key === null ? null : utf8Text(key);
  if (requestId === undefined) return unanswerable('BAD_FIELD', 'the key, a request id, is not UTF-8', 'request_id');
  const idFault = requestId === null ? null : requestIdFault(requestId);
  if (idFault !== null) return unanswerable('BAD_FIELD', idFault, 'request_id');
  const body = value !== null && isWireFormat(value) ? readAvro(value, schemas) : readJson(value);
  if (requestId === null) {
    if (isReject(body)) return { kind: 'unanswerable', reject: body };
    return unanswerable(
      'NO_KEY',
      'the record has no key; the key must be the request id, so that a status can name it',
    );
  }
  return isReject(body)
    ? { kind: 'faulty', requestId, action: null, message: body.message }
    : readAction(requestId, body);
}

function readAction(requestId: string, body: RequestMembers): ControlRequest {
  const { action, parameters } = splitBody(body);
  const known = actions.find(name => name === action) ?? null;
  const faulty = (message: string): ControlRequest => ({ kind: 'faulty', requestId, action: known, message });
  const faults = Array.from(parameters)
    .filter(([, text]) => text === undefined)
    .map(([name]) => `${name} is ${shown(body, name)}; allowed are text, true, false and numbers`);
  switch (action) {
    case 'export':
    case 'replay':
      if (faults.length > 0) return faulty(faults.join('; '));
      return { kind: action, requestId, given: Object.fromEntries(parameters) as GivenParameters };
    case 'cancel':
      if (parameters.size > 0) return faulty(`${[...parameters.keys()].join(', ')}: cancel takes no parameters`);
      return { kind: 'cancel', requestId };
    default:
      return faulty(`action is ${shown(body, 'action')}; allowed are ${actions.join(', ')}`);
  }
}

/**
 * Separates the action from the parameters. These become text as an HTTP client would spell them; undefined for an object
 * or array. A parameter that is null counts as absent.
 */
function splitBody(body: RequestMembers): {
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

/** The request's members, or the reason why they cannot be read. */
function readJson(value: Uint8Array | null): RequestMembers | Reject {
  const allowed = 'allowed is a JSON object with an action';
  if (value === null) return malformed(`the record has no value; ${allowed}`);
  const text = utf8Text(value);
  if (text === undefined) return malformed(`the value is not UTF-8; ${allowed}`);
  try {
    const body = parseJson(text);
    return isJsonObject(body) ? body : malformed(`the value is JSON but not an object; ${allowed}`);
  } catch (error) {
    if (error instanceof JsonSyntaxError) return malformed(`the value is not JSON: ${error.message}`);
    throw error;
  }
}

/** As `readJson`, from Avro. */
function readAvro(value: Uint8Array, schemas: WriterSchemas | null): RequestMembers | Reject {
  if (schemas === null)
    return malformed('the value begins as Avro does, but no schema registry is configured; set registry_url');
  const id = schemaIdOf(value);
  if (id === null) return malformed('the value does not begin with a zero byte and a schema id of four bytes');
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

function malformed(message: string): Reject {
  return rejected('MALFORMED', null, message);
}

function unanswerable(reason: RejectReason, message: string, field: string | null = null): ControlRequest {
  return { kind: 'unanswerable', reject: rejected(reason, field, message) };
}
