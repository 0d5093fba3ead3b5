import type { ContentFacts } from '../ports.ts';

/** The files of an export as they lie on a disk, wherever they were moved. */
export interface ExportedFiles {
  /** Null where there is no file of this name. */
  open(name: string): Promise<ExportedFile | null>;
}

/** Makes what counts and hashes bytes in their order. */
export type NewHash = () => { add(bytes: Uint8Array): void; finish(): ContentFacts };

export interface ExportedFile {
  /** Size and hash of the bytes on disk. */
  packed(): Promise<ContentFacts>;
  /** The content without its compression. Throws `SOURCE_CORRUPT` when it cannot be unpacked. */
  plain(): AsyncIterable<Uint8Array>;
  /** Size and hash of the plain content packed again by this version of zlib. */
  packedAgain(): Promise<ContentFacts>;
}
