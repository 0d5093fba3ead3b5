import { TidemarkError } from '../../pipeline/errors.ts';
import type { Clock, SchemaRegistry } from '../../pipeline/ports.ts';
import { Backoff, pause } from '../../pipeline/waiting.ts';
import type { RegisteredSchema } from '../../schemas/avro/type.ts';
import { type Answer, isObject, type RegistryHttp } from './http.ts';

/** Ids are positive 32-bit integers; a greater one in a record is none, and no registry need be asked. */
const greatestId = 2 ** 31 - 1;
/** A schema may be registered, or reach a replica that lags, later than a record names it: a "no" is no lasting truth. */
const missingForMs = 30_000;
/** How long after a first "no" it is asked again, before the "no" is believed. */
const doubtMs = 1_000;
/** A topic of garbage names ids without end: while so many are missing, another "no" is believed at once. */
const mostDoubted = 32;
/** Nor are more than so many remembered. */
const mostMissing = 10_000;
const shortestWaitMs = 100;
const longestWaitMs = 10_000;

/** Confluent's numbers for a schema, a subject and a version that do not exist. */
const noSchema = 40403;
const noSubjectOrVersion = [40401, 40402];

export type ReportProblem = (problem: string | null) => void;

export interface RegistryCare {
  readonly clock: Clock;
  /** Told when a problem begins, changes, and (null) ends. */
  readonly report?: ReportProblem;
  /** How long after a first "no" it is asked again. */
  readonly doubtMs?: number;
}

/**
 * Schemas by id from a registry with Confluent's interface. A schema never changes, so each is fetched once; that there is
 * none is believed when it is said twice, and for a while only.
 */
export class ConfluentRegistry implements SchemaRegistry {
  readonly #http: RegistryHttp;
  readonly #care: Required<RegistryCare>;
  readonly #known = new Map<number, RegisteredSchema>();
  /** Ids that do not exist and until when that is believed; those to be forgotten first come first. */
  readonly #missing = new Map<number, number>();
  #problem: string | null = null;

  constructor(http: RegistryHttp, care: RegistryCare) {
    this.#http = http;
    this.#care = { report: () => undefined, doubtMs, ...care };
  }

  /** Why it could not be asked the last time, in words for whoever runs this; null when all is well. */
  get problem(): string | null {
    return this.#problem;
  }

  async schemaOf(id: number, signal: AbortSignal): Promise<RegisteredSchema | null> {
    const known = this.#known.get(id);
    if (known !== undefined) return known;
    if (id > greatestId || this.#isMissing(id)) return null;
    const schema = await this.#askTwice(id, signal);
    if (schema === null) this.#rememberMissing(id);
    else this.#known.set(id, schema);
    return schema;
  }

  async #askTwice(id: number, signal: AbortSignal): Promise<RegisteredSchema | null> {
    const ask = () => this.#untilAnswered(() => this.#fetch(id, signal), signal);
    const schema = await ask();
    if (schema !== null || this.#missing.size >= mostDoubted) return schema;
    await this.#pause(this.#care.doubtMs, signal);
    return ask();
  }

  /** Whatever is wrong, with the registry or with how it is asked, ends some day: until then nothing is known. */
  async #untilAnswered<T>(ask: () => Promise<T>, signal: AbortSignal): Promise<T> {
    for (const backoff = new Backoff(shortestWaitMs, longestWaitMs); ; ) {
      try {
        const answer = await ask();
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
    throw new TidemarkError('INTERRUPTED', `waiting for ${this.#http.url} was interrupted`, { cause });
  }

  async #fetch(id: number, signal: AbortSignal): Promise<RegisteredSchema | null> {
    const answer = await this.#http.get(`/schemas/ids/${id}`, signal);
    if (answer.errorCode === noSchema) return null;
    const { type, text, references } = this.#schemaIn(answer);
    const found = new Map<string, string>();
    for (const reference of references) {
      if (!(await this.#collect(reference, found, signal))) return null;
    }
    return { type, text, references: [...found.values()] };
  }

  /** Adds what is referred to behind all that it refers to itself; false when the registry does not have it. */
  async #collect({ subject, version }: Reference, found: Map<string, string>, signal: AbortSignal): Promise<boolean> {
    const path = `/subjects/${encodeURIComponent(subject)}/versions/${version}?deleted=true`;
    if (found.has(path)) return true;
    const answer = await this.#http.get(path, signal);
    if (answer.errorCode !== null && noSubjectOrVersion.includes(answer.errorCode)) return false;
    const { text, references } = this.#schemaIn(answer);
    for (const reference of references) {
      if (!(await this.#collect(reference, found, signal))) return false;
    }
    found.set(path, text);
    return true;
  }

  #schemaIn({ status, errorCode, message, body }: Answer): FoundSchema {
    const schema = errorCode === null ? readSchema(body) : undefined;
    if (schema !== undefined) return schema;
    throw new TidemarkError(
      'REGISTRY_UNREACHABLE',
      `the schema registry ${this.#http.url} answers with status ${status} and no schema: ${message}; see registry_url`,
    );
  }

  #isMissing(id: number): boolean {
    const now = this.#care.clock.now();
    for (const [old, until] of this.#missing) {
      if (until > now) break;
      this.#missing.delete(old);
    }
    return this.#missing.has(id);
  }

  #rememberMissing(id: number): void {
    if (this.#missing.size >= mostMissing) this.#missing.clear();
    // Set anew, it is the last to be forgotten.
    this.#missing.delete(id);
    this.#missing.set(id, this.#care.clock.now() + missingForMs);
  }

  #setProblem(problem: string | null): void {
    if (problem === this.#problem) return;
    this.#problem = problem;
    this.#care.report(problem);
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

/** Undefined for what is no answer of a registry. An Avro schema has no type, and most have no references. */
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
