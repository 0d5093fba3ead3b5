import { TidemarkError } from '../../pipeline/errors.ts';
import type { Clock, SchemaRegistry } from '../../pipeline/ports.ts';
import { Backoff, pause } from '../../pipeline/waiting.ts';
import type { RegisteredSchema } from '../../schemas/avro/type.ts';
import { type Answer, isObject, type RegistryHttp } from './http.ts';

/** Schema ids are positive 32-bit integers. A larger number in a record is no id, so the registry is not asked. */
const maxId = 2 ** 31 - 1;
/**
 * How long a missing schema counts as missing without a new request. Not for ever, because a schema may be registered, or
 * reach a replica that lags, after a record names its id.
 */
const missingForMs = 30_000;
/** The pause between the first answer that a schema is missing and the second request for it. */
const recheckAfterMs = 1_000;
/** A topic of garbage names very many ids. While this many are missing, no further one is checked twice. */
const maxRechecked = 32;
/** The largest number of missing ids to remember. */
const maxMissing = 10_000;
const firstPauseMs = 100;
const longestPauseMs = 10_000;

/** Confluent's error codes for a schema, a subject and a version that do not exist. */
const noSchema = 40403;
const noSubjectOrVersion = [40401, 40402];

/** Called when a problem begins or changes, and with null when it ends. */
export type ReportProblem = (problem: string | null) => void;

interface LookupOptions {
  readonly clock: Clock;
  readonly report?: ReportProblem;
  /** The pause before a missing schema is checked a second time. */
  readonly recheckAfterMs?: number;
}

/**
 * Looks up schemas by id in a registry with Confluent's interface. A schema never changes, so each one is fetched once. A
 * missing schema counts as missing only after two requests, and only for half a minute.
 */
export class ConfluentRegistry implements SchemaRegistry {
  readonly #http: RegistryHttp;
  readonly #options: Required<LookupOptions>;
  readonly #known = new Map<number, RegisteredSchema>();
  /** Missing ids and the time (milliseconds) until which they count as missing, in the order of that time. */
  readonly #missing = new Map<number, number>();
  #problem: string | null = null;

  constructor(http: RegistryHttp, options: LookupOptions) {
    this.#http = http;
    this.#options = { report: () => undefined, recheckAfterMs, ...options };
  }

  /** Why the last request failed; null when it succeeded. */
  get problem(): string | null {
    return this.#problem;
  }

  /** See `SchemaRegistry`. Throws only `INTERRUPTED`, when the signal aborts. */
  async schemaOf(id: number, signal: AbortSignal): Promise<RegisteredSchema | null> {
    const known = this.#known.get(id);
    if (known !== undefined) return known;
    if (id > maxId || this.#isMissing(id)) return null;
    const schema = await this.#fetchTwice(id, signal);
    if (schema === null) this.#rememberMissing(id);
    else this.#known.set(id, schema);
    return schema;
  }

  async #fetchTwice(id: number, signal: AbortSignal): Promise<RegisteredSchema | null> {
    const fetch = () => this.#retryUntilAnswered(() => this.#fetch(id, signal), signal);
    const schema = await fetch();
    if (schema !== null || this.#missing.size >= maxRechecked) return schema;
    await this.#pause(this.#options.recheckAfterMs, signal);
    return fetch();
  }

  /** Repeats a request until the registry answers it; also after a refused password, which may be corrected in the registry. */
  async #retryUntilAnswered<T>(request: () => Promise<T>, signal: AbortSignal): Promise<T> {
    for (const backoff = new Backoff(firstPauseMs, longestPauseMs); ; ) {
      try {
        const answer = await request();
        this.#setProblem(null);
        return answer;
      } catch (error) {
        if (!(error instanceof TidemarkError) || error.code === 'INTERRUPTED') throw error;
        this.#setProblem(error.message);
      }
      await this.#pause(backoff.next(), signal);
    }
  }

  async #pause(milliseconds: number, signal: AbortSignal): Promise<void> {
    await pause(milliseconds, signal);
    if (!signal.aborted) return;
    const cause: unknown = signal.reason;
    throw new TidemarkError('INTERRUPTED', `interrupted while it waited for the schema registry ${this.#http.url}`, {
      cause,
    });
  }

  async #fetch(id: number, signal: AbortSignal): Promise<RegisteredSchema | null> {
    const answer = await this.#http.get(`/schemas/ids/${id}`, signal);
    if (answer.errorCode === noSchema) return null;
    const { type, text, references } = this.#schemaIn(answer);
    const collected = new Map<string, string>();
    for (const reference of references) {
      if (!(await this.#collect(reference, collected, signal))) return null;
    }
    return { type, text, references: [...collected.values()] };
  }

  /** Adds a referenced schema to `collected`, after the schemas that it references itself; false when the registry lacks one. */
  async #collect(
    { subject, version }: Reference,
    collected: Map<string, string>,
    signal: AbortSignal,
  ): Promise<boolean> {
    const path = `/subjects/${encodeURIComponent(subject)}/versions/${version}?deleted=true`;
    if (collected.has(path)) return true;
    const answer = await this.#http.get(path, signal);
    if (answer.errorCode !== null && noSubjectOrVersion.includes(answer.errorCode)) return false;
    const { text, references } = this.#schemaIn(answer);
    for (const reference of references) {
      if (!(await this.#collect(reference, collected, signal))) return false;
    }
    collected.set(path, text);
    return true;
  }

  #schemaIn({ status, errorCode, message, body }: Answer): FoundSchema {
    const schema = errorCode === null ? readSchema(body) : undefined;
    if (schema !== undefined) return schema;
    throw new TidemarkError(
      'REGISTRY_UNREACHABLE',
      `the schema registry ${this.#http.url} answers with status ${status} and no schema: ${message}; check registry_url`,
    );
  }

  #isMissing(id: number): boolean {
    const now = this.#options.clock.now();
    for (const [oldId, untilMs] of this.#missing) {
      if (untilMs > now) break;
      this.#missing.delete(oldId);
    }
    return this.#missing.has(id);
  }

  #rememberMissing(id: number): void {
    if (this.#missing.size >= maxMissing) this.#missing.clear();
    // Deleted first, so that it moves to the end of the order.
    this.#missing.delete(id);
    this.#missing.set(id, this.#options.clock.now() + missingForMs);
  }

  #setProblem(problem: string | null): void {
    if (problem === this.#problem) return;
    this.#problem = problem;
    this.#options.report(problem);
  }
}

interface Reference {
  readonly subject: string;
  readonly version: number;
}

interface FoundSchema {
  readonly type: string;
  readonly text: string;
  readonly references: readonly Reference[];
}

/** Undefined when the body holds no schema. Avro schemas come without a type, and most without references. */
function readSchema(body: unknown): FoundSchema | undefined {
  if (!isObject(body) || typeof body.schema !== 'string') return undefined;
  const { schema, schemaType = 'AVRO', references } = body;
  const named: readonly unknown[] = Array.isArray(references) ? references : [];
  return {
    type: String(schemaType),
    text: schema,
    references: named
      .filter(isObject)
      .map(({ subject, version }) => ({ subject: String(subject), version: Number(version) })),
  };
}
