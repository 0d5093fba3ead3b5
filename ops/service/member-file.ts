import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { hostname } from 'node:os';
import path from 'node:path';
import type { SavedMember } from '../../connectors/kafka/group/group-consumer.ts';

interface Kept {
  readonly group: string;
  readonly member: string;
  /** Where the database lay: a copy of it, with this file or without, is not that member. */
  readonly place: string;
}

/**
 * Keeps beside a database which member of the group its owner is. Who opens the database after a crash holds its lock, so
 * the owner before him is dead: he goes on as the same member at once, and the group need not wait for the dead one until
 * its session is over.
 */
export function savedMember(db: string, group: string): SavedMember {
  const file = `${db}.member.json`;
  const place = `${hostname()}:${path.resolve(db)}`;
  return {
    formerId: readFormer(file, { group, place }),
    save: member => keep(file, { group, member, place }),
    forget: () => rmSync(file, { force: true }),
  };
}

/** Null where nothing usable is kept: then the group is joined anew, which only takes longer. */
function readFormer(file: string, { group, place }: Omit<Kept, 'member'>): string | null {
  try {
    const kept = JSON.parse(readFileSync(file, 'utf8')) as Partial<Kept>;
    return kept.group === group && kept.place === place && typeof kept.member === 'string' ? kept.member : null;
  } catch {
    return null;
  }
}

function keep(file: string, kept: Kept): void {
  try {
    writeFileSync(file, `${JSON.stringify(kept)}\n`, { mode: 0o600 });
  } catch {
    // A full disk is told of by the database; without the file a crash only costs waiting.
  }
}
