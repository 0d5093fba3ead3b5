import { compactJson, type JsonValue } from './json.ts';

/**
 * The members of an event, free of syntax: what JSON and Avro have in common. To the values of JSON, Avro adds an instant
 * in milliseconds (a number, of `timestamp` alone), a value whose type is not allowed where it stands, and halves of a
 * transition that hold such values.
 */
export type Member = JsonValue | number | WrongType | TransitionMembers;
export interface TransitionMembers extends ReadonlyMap<string, Member> {}

/** Values of wanted members by position; undefined where a member is absent. */
export type EventMembers = readonly (Member | undefined)[];

/** A value that no field takes, in the words of a message. */
export class WrongType {
  readonly shown: string;

  constructor(shown: string) {
    this.shown = shown;
  }
}

/** True for what JSON can write; a half is never asked. */
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
