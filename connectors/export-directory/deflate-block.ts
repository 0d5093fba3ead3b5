import { constants, deflateRaw } from 'node:zlib';

const WINDOW_BYTES = 32 * 1024;
/** Packed bytes come in one piece in nearly all cases: every piece more is a turn through the thread pool. */
const OUTPUT_BYTES = 512 * 1024;

interface DeflateBlock {
  readonly block: Buffer;
  /** The block before, whose last 32 KiB this one may refer to; null for the first. */
  readonly previous: Buffer | null;
  readonly isLast: boolean;
}

/**
 * Deflates one block on the thread pool, so that the results in a row are one valid deflate stream (as pigz does):
 * each ends on a byte border, and the decoder still has the block before when it meets references into it.
 */
export function deflateBlock({ block, previous, isLast }: DeflateBlock): Promise<Buffer> {
  const options = {
    level: 6,
    chunkSize: OUTPUT_BYTES,
    finishFlush: isLast ? constants.Z_FINISH : constants.Z_SYNC_FLUSH,
    ...(previous && { dictionary: previous.subarray(-WINDOW_BYTES) }),
  };
  return new Promise((resolve, reject) => {
    deflateRaw(block, options, (error, packed) => (error ? reject(error) : resolve(packed)));
  });
}
