/**
 * Every failure code: whether trying again later may help, the exit code of a command, the HTTP status of an answer.
 * A new code needs a row here and a section in `ops/runbook.md`; if requests are refused with it, also a row in clause 5.15.
 */
const failures = {
  USAGE: { retry: false, exitCode: 64, httpStatus: 400 },
  CONFIG_INVALID: { retry: false, exitCode: 78, httpStatus: 500 },
  REQUEST_INVALID: { retry: false, exitCode: 64, httpStatus: 400 },
  REQUEST_CONFLICT: { retry: false, exitCode: 65, httpStatus: 409 },
  PREFIX_REFUSED: { retry: false, exitCode: 64, httpStatus: 400 },
  REQUEST_UNKNOWN: { retry: false, exitCode: 66, httpStatus: 404 },
  REQUEST_ENDED: { retry: false, exitCode: 65, httpStatus: 409 },
  REQUEST_UNFINISHED: { retry: true, exitCode: 75, httpStatus: 409 },
  UNAUTHORIZED: { retry: false, exitCode: 77, httpStatus: 401 },
  FORBIDDEN: { retry: false, exitCode: 77, httpStatus: 403 },
  RATE_LIMITED: { retry: true, exitCode: 75, httpStatus: 429 },
  PARTITION_UNKNOWN: { retry: false, exitCode: 66, httpStatus: 404 },
  PARTITION_READ: { retry: false, exitCode: 65, httpStatus: 409 },
  SERVICE_UNKNOWN: { retry: false, exitCode: 66, httpStatus: 404 },
  FILE_GONE: { retry: false, exitCode: 66, httpStatus: 410 },
  STREAM_TOO_LARGE: { retry: false, exitCode: 65, httpStatus: 507 },
  QUEUE_FULL: { retry: true, exitCode: 75, httpStatus: 503 },
  CANCELLED: { retry: false, exitCode: 65, httpStatus: 409 },
  NAME_TAKEN: { retry: true, exitCode: 73, httpStatus: 409 },
  TOO_MANY_COLUMNS: { retry: false, exitCode: 65, httpStatus: 400 },
  EXPORT_ROOT_GONE: { retry: true, exitCode: 73, httpStatus: 503 },
  EXPORT_FAILED: { retry: true, exitCode: 74, httpStatus: 500 },
  REPLAY_FAILED: { retry: true, exitCode: 74, httpStatus: 500 },
  OUT_OF_MEMORY: { retry: true, exitCode: 74, httpStatus: 503 },
  DISK_FULL: { retry: true, exitCode: 74, httpStatus: 507 },
  NOT_WRITABLE: { retry: false, exitCode: 73, httpStatus: 503 },
  SOURCE_MISSING: { retry: false, exitCode: 66, httpStatus: 404 },
  SOURCE_CHANGED: { retry: false, exitCode: 65, httpStatus: 409 },
  SOURCE_UNREACHABLE: { retry: true, exitCode: 69, httpStatus: 503 },
  SOURCE_REFUSED: { retry: false, exitCode: 77, httpStatus: 503 },
  RECORDS_LOST: { retry: false, exitCode: 65, httpStatus: 503 },
  TOPIC_UNFIT: { retry: false, exitCode: 78, httpStatus: 503 },
  STALE_BATCH: { retry: true, exitCode: 75, httpStatus: 503 },
  REGISTRY_UNREACHABLE: { retry: true, exitCode: 69, httpStatus: 503 },
  REGISTRY_REFUSED: { retry: false, exitCode: 77, httpStatus: 503 },
  SCHEMA_INCOMPATIBLE: { retry: false, exitCode: 65, httpStatus: 409 },
  STATUS_TOO_LARGE: { retry: false, exitCode: 65, httpStatus: 503 },
  SOURCE_CORRUPT: { retry: false, exitCode: 65, httpStatus: 500 },
  LOG_LOCKED: { retry: true, exitCode: 75, httpStatus: 503 },
  WAREHOUSE_LOCKED: { retry: true, exitCode: 75, httpStatus: 503 },
  WAREHOUSE_BROKEN: { retry: false, exitCode: 70, httpStatus: 503 },
  WAREHOUSE_UNFIT: { retry: false, exitCode: 65, httpStatus: 503 },
  INTERRUPTED: { retry: true, exitCode: 130, httpStatus: 503 },
} as const;

export type FailureCode = keyof typeof failures;

export const failureCodes = Object.keys(failures) as readonly FailureCode[];

interface ChangedPart {
  readonly topic: string;
  /** Null: all partitions of the topic. */
  readonly partition: number | null;
}

/**
 * The one error class of the product. `message` names what was tried, the value given and what is allowed;
 * callers decide by `code`, `retry`, `exitCode` and `httpStatus`, never by reading the message.
 */
export class TidemarkError extends Error {
  override readonly name = 'TidemarkError';
  readonly code: FailureCode;
  /** With `SOURCE_CHANGED`, the partition or the whole topic that changed. */
  readonly changed: ChangedPart | null;

  constructor(code: FailureCode, message: string, options: ErrorOptions & { readonly changed?: ChangedPart } = {}) {
    super(message, options);
    this.code = code;
    this.changed = options.changed ?? null;
  }

  get retry(): boolean {
    return failures[this.code].retry;
  }

  get exitCode(): number {
    return failures[this.code].exitCode;
  }

  get httpStatus(): number {
    return failures[this.code].httpStatus;
  }
}

/** The failure code of an error; `BUG` for one that is no failure of Tidemark. */
export function codeOf(error: unknown): FailureCode | 'BUG' {
  return error instanceof TidemarkError ? error.code : 'BUG';
}

/** True for a TidemarkError whose cause is temporary, so that trying again later may help. */
export function isTemporary(failure: unknown): failure is TidemarkError {
  return failure instanceof TidemarkError && failure.retry;
}

/** True when `error` carries one of the operating system's error codes, such as `ENOSPC`. */
export function hasSystemCode(error: unknown, ...codes: readonly string[]): boolean {
  return error instanceof Error && 'code' in error && codes.includes(String(error.code));
}
