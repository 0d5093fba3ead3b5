import { rm } from 'node:fs/promises';
import { hostname } from 'node:os';
import path from 'node:path';
import type { SavedMember } from '../../connectors/kafka/group/group-consumer.ts';
import { readSmallFileSync, writeSmallFile } from '../../connectors/small-files.ts';

interface MemberFile {
  readonly group: string;
  readonly member: string;
  /** Host and path of the database. The owner of a copied database, with a copy of this file, must not join as that member. */
  readonly place: string;
}

/**
 * Saves, beside the database, the id of this process as a member of the consumer group. After a crash the next process
 * opens the database only when the former one is dead, because of its lock. It joins as the same member at once, so the
 * group need not wait until the session of the dead process times out.
 */
export function savedMember(db: string, group: string): SavedMember {
  const file = `${db}.member.json`;
  const place = `${hostname()}:${path.resolve(db)}`;
  // One change after the other, and none that fails: without the file, joining after a crash only takes longer.
  let last = Promise.resolve();
  const next = (change: () => Promise<void>): Promise<void> => {
    last = last.then(change).catch(() => undefined);
    return last;
  };
  return {
    formerId: readFormer(file, { group, place }),
    save: member => next(() => writeSmallFile(file, textOf({ group, member, place }), 0o600)),
    forget: () => next(() => rm(file, { force: true })),
  };
}

/** Null where nothing usable is saved; the group is then joined as a new member, which only takes longer. */
function readFormer(file: string, { group, place }: Omit<MemberFile, 'member'>): string | null {
  try {
    const kept = JSON.parse(readSmallFileSync(file)) as Partial<MemberFile>;
    return kept.group === group && kept.place === place && typeof kept.member === 'string' ? kept.member : null;
  } catch {
    return null;
  }
}

function textOf(saved: MemberFile): string {
  return `${JSON.stringify(saved)}\n`;
}
