import { createHash } from 'node:crypto';

/** The beginning of every hidden file name. No exported file may have a name that begins so, in upper or lower case. */
export const HIDDEN_START = '.tidemark-';

/** A `part` is being written; a `sealed` file is complete and on disk. Only a sealed file may be published. */
export type HiddenStage = 'part' | 'sealed';

/** A request of one service. Another service that exports to the same root may have a request of the same id. */
export interface OwnedRequest {
  /** What tells the service from others, also after its restart. */
  readonly owner: string;
  readonly requestId: string;
}

/**
 * The hidden name of one file of a request. It depends on nothing else, so it is found again after a crash. Id and name are
 * hashed because a client may choose an id of any length and with any characters.
 */
export function hiddenName(request: OwnedRequest, name: string, stage: HiddenStage): string {
  return `${hiddenStart(request)}${digest(name)}.${stage}`;
}

/** The beginning of all hidden names of this request, and of no other request. */
export function hiddenStart({ owner, requestId }: OwnedRequest): string {
  return `${HIDDEN_START}${readable(requestId)}-${digest(JSON.stringify([owner, requestId]))}-`;
}

/** Part of the id, for people who list the folder. */
function readable(requestId: string): string {
  return requestId.replace(/[^A-Za-z0-9]/g, '').slice(0, 36);
}

/** A short hash for the name of a hidden file. */
export function digest(text: string): string {
  return createHash('sha256').update(text).digest('hex').slice(0, 16);
}
