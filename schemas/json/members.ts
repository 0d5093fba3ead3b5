import { compactJson, type JsonValue } from './json.ts';

/**
 * A member of an event, from JSON or from Avro. Besides JSON values it may be an instant in milliseconds (a number, in
 * `timestamp` only), a value of a type that is not allowed there, or one side of a transition that holds such values.
 */
export type Member = JsonValue | number | WrongType | TransitionMembers;
export interface TransitionMembers extends ReadonlyMap<string, Member> {}

/** Values of wanted members by position; undefined where a member is absent. */
export type EventMembers = readonly (Member | undefined)[];

/** A value of a type that no field allows; `shown` describes it in a message. */
export class WrongType {
  readonly shown: string;

  constructor(shown: string) {
    this.shown = shown;
  }
}

/** True for a JSON value. Must not be called with a side of a transition, which it would take for a JSON object. */
export function isJsonValue(member: Member): member is JsonValue {
  return typeof member !== 'number' && !(member instanceof WrongType);
}

/** The value as the user wrote it, cut so that one bad record cannot fill the quarantine. */
export function show(member: Member): string {
  const text = shownWhole(member);
  return text.length <= 100 ? text : `${text.slice(0, 100).toWellFormed()}… (${text.length} characters)`;
}

function shownWhole(member: Member): string {
  if (member instanceof WrongType) return member.shown;
  return isJsonValue(member) ? compactJson(member) : `${member} ms`;
}
