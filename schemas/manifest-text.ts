import { createHash } from 'node:crypto';

/** The text of a manifest file, and its own hash (contract 4.37). */

const hashName = 'manifest_sha256';

/** The hash, and what follows it at the end of the text. */
const ending = new RegExp(`"${hashName}": "([0-9a-f]{64})"\\}\\n$`);

interface Sealed {
  /** The SHA-256 of all bytes of the text before the quotation mark that opens this name, in hexadecimal. */
  readonly manifest_sha256: string;
}

/** The manifest with its own hash as its last member. */
export function sealManifest<M extends object>(manifest: M): M & Sealed {
  return { ...manifest, manifest_sha256: sha256(textBeforeHash(manifest)) };
}

/** The content of a manifest file. Manifests that a version before contract 3 made have no hash. */
export function manifestText(manifest: object & Partial<Sealed>): string {
  const { manifest_sha256: hash, ...rest } = manifest;
  if (hash === undefined) return `${JSON.stringify(manifest, null, 2)}\n`;
  return `${textBeforeHash(rest)}"${hashName}": "${hash}"}\n`;
}

/**
 * Whether the bytes of a manifest file are those that were written: `same`, `changed`, or `unsealed` when it ends in no hash of
 * its own.
 */
export function checkSeal(bytes: Buffer): 'same' | 'changed' | 'unsealed' {
  // The end has only characters of one byte, so its length in the text is its length in the bytes.
  const found = ending.exec(bytes.subarray(-200).toString('latin1'));
  if (found === null) return 'unsealed';
  return sha256(bytes.subarray(0, bytes.length - found[0].length)) === found[1] ? 'same' : 'changed';
}

/** Ends before the quotation mark of the hash's name. */
function textBeforeHash(manifest: object): string {
  return `${JSON.stringify(manifest, null, 2).slice(0, -'\n}'.length)},\n  `;
}

function sha256(content: string | Buffer): string {
  return createHash('sha256').update(content).digest('hex');
}
