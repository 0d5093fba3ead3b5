/** How much one batch may hold at most; a single record larger than `batchBytes` makes a batch of its own. */
export interface BatchLimits {
  readonly batchRecords: number;
  /** Encoded bytes of the records. */
  readonly batchBytes: number;
}
