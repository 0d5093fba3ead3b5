import { createHash } from 'node:crypto';

/** How every hidden file of ours begins; no export may use names that begin so, in any case of the letters. */
export const HIDDEN_START = '.tidemark-';

/** `part` is being written, `sealed` is whole and on disk: only the latter may ever be published. */
export type HiddenStage = 'part' | 'sealed';

/**
 * The hidden name of one file of a request. It depends on nothing else, so that after a crash it is found again.
 * Ids and names are hashed because a client may choose an id of any length, with any character in it.
 */
export function hiddenName(requestId: string, name: string, stage: HiddenStage): string {
  return `${hiddenStart(requestId)}${digest(name)}.${stage}`;
}

/** What the hidden names of this request, and of no other, begin with. */
export function hiddenStart(requestId: string): string {
  return `${HIDDEN_START}${readable(requestId)}-${digest(requestId)}-`;
}

/** Enough of the id for a person who looks into the folder. */
function readable(requestId: string): string {
  return requestId.replace(/[^A-Za-z0-9]/g, '').slice(0, 36);
}

function digest(text: string): string {
  return createHash('sha256').update(text).digest('hex').slice(0, 16);
}
