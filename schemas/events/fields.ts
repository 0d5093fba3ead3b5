import { isJsonObject, JsonNumber, type JsonValue } from '../json/json.ts';
import { isJsonValue, type Member } from '../json/members.ts';
import { isEventTime, parseTimestamp } from '../json/timestamps.ts';

/** How one field is read: `read` returns the value to store, or undefined where the given one is not allowed. */
export interface FieldReader<T> {
  readonly allowed: string;
  read(given: Member): T | undefined;
}

/** An opaque id: a non-empty string without NUL, or a signed 64-bit integer, stored as the string of its digits. */
export const identity: FieldReader<string> = {
  allowed: 'a non-empty string without NUL, or a signed 64-bit integer',
  read(given) {
    const text = readCode(given);
    return text === undefined || text === '' || text.includes('\0') ? undefined : text;
  },
};

export const code: FieldReader<string> = { allowed: 'a string or a signed 64-bit integer', read: readCode };

const text: FieldReader<string> = {
  allowed: 'a string',
  read: given => (typeof given === 'string' ? given : undefined),
};

const name: FieldReader<string> = {
  allowed: 'a non-empty string',
  read: given => (typeof given === 'string' && given !== '' ? given : undefined),
};

const entity: FieldReader<string> = {
  allowed: '"service", "state" or "task"',
  read: given => (given === 'service' || given === 'state' || given === 'task' ? given : undefined),
};

const duration: FieldReader<number> = {
  allowed: 'whole seconds as an integer of digits only, 0 to 9007199254740991',
  read(given) {
    if (!(given instanceof JsonNumber) || !/^\d+$/.test(given.text)) return undefined;
    const seconds = Number(given.text);
    return Number.isSafeInteger(seconds) ? seconds : undefined;
  },
};

export const timestamp: FieldReader<number> = {
  allowed:
    'a real date and time as in RFC 3339 with T and a zone (in Avro: a timestamp-millis), of the years 1970 to 2200',
  read(given) {
    if (typeof given === 'string') return parseTimestamp(given);
    return typeof given === 'number' && isEventTime(given) ? given : undefined;
  },
};

export const extensions: FieldReader<ReadonlyMap<string, JsonValue>> = {
  allowed: 'an object of non-empty names (in Avro: as JSON text)',
  read: given => (isJsonValue(given) && isJsonObject(given) && !given.has('') ? given : undefined),
};

const value: FieldReader<JsonValue> = {
  allowed: 'any JSON value (in Avro: as JSON text)',
  read: given => (isJsonValue(given) ? given : undefined),
};

/** The reader of each field, by its name without `from.` or `to.`. */
export const fieldReaders: Readonly<Record<string, FieldReader<unknown>>> = {
  service_id: identity,
  state_id: identity,
  task_id: identity,
  previous_state_id: identity,
  service_type: code,
  state_type: code,
  task_type: code,
  customer_id: code,
  contact_key: code,
  disposition: code,
  disposition_desc: text,
  est_duration: duration,
  session_id: code,
  interaction_id: code,
  application_type: code,
  application_id: code,
  resource_type: code,
  resource_id: code,
  media_type: code,
  entity,
  name,
  value,
};

function readCode(given: Member): string | undefined {
  if (typeof given === 'string') return given;
  return given instanceof JsonNumber ? integerDigits(given.text) : undefined;
}

/** The digits of a signed 64-bit integer as spelled (−0 is 0); undefined for any other number. */
function integerDigits(spelled: string): string | undefined {
  if (!/^-?\d+$/.test(spelled)) return undefined;
  if (spelled === '-0') return '0';
  if (spelled.length <= 18) return spelled;
  return BigInt.asIntN(64, BigInt(spelled)) === BigInt(spelled) ? spelled : undefined;
}
