import type { Type } from 'avsc';

/** A field of a writer's schema, as far as names go. */
export interface WriterField {
  readonly name: string;
  readonly aliases: readonly string[];
  readonly type: Type;
}

interface ClaimedField {
  readonly type: Type;
  /** The member of an event that the field becomes; null where it is none that we know. */
  readonly member: string | null;
}

/**
 * Says which member each field becomes: the one of its name, else one of its aliases. A name goes before any alias and
 * an earlier field before a later one, so that no two fields become the same member.
 */
export function claimMembers(fields: readonly WriterField[], known: ReadonlySet<string>): readonly ClaimedField[] {
  const claimed = new Set(fields.map(({ name }) => name).filter(name => known.has(name)));
  return fields.map(({ name, aliases, type }) => {
    if (known.has(name)) return { type, member: name };
    const member = aliases.find(alias => known.has(alias) && !claimed.has(alias)) ?? null;
    if (member !== null) claimed.add(member);
    return { type, member };
  });
}
