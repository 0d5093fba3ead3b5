import type { AvroType, WriterField } from './type.ts';

interface ClaimedField {
  readonly type: AvroType;
  /** The member of an event that the field becomes; null for an unknown field. */
  readonly member: string | null;
}

/**
 * Finds the member that each field becomes: the one with its name, else with one of its aliases. Names have precedence over
 * aliases, earlier fields over later ones, so that no two fields become the same member.
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
