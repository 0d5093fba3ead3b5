import { setTimeout } from 'node:timers/promises';
import { TidemarkError } from '../../pipeline/errors.ts';
import type { SchemaRegistry } from '../../pipeline/ports.ts';
import type { RegisteredSchema } from '../../schemas/avro-type.ts';
import { type Answer, isObject, type RegistryHttp } from './http.ts';

/** Ids are positive 32-bit integers; a greater one in a record is none, and no registry need be asked. */
const greatestId = 2 ** 31 - 1;
/** A topic of garbage names ids without end, and to remember a few that do not exist is enough. */
const mostMissing = 10_000;
const shortestWaitMs = 100;
const longestWaitMs = 10_000;

/** Confluent's numbers for a schema, a subject and a version that do not exist. */
const noSchema = 40403;
const noSubjectOrVersion = [40401, 40402];

export type ReportProblem = (problem: string | null) => void;

/** Schemas by id from a registry with Confluent's interface. A schema never changes, so each is fetched once. */
export class ConfluentRegistry implements SchemaRegistry {
  readonly #http: RegistryHttp;
  readonly #report: ReportProblem;
  readonly #known = new Map<number, RegisteredSchema>();
  readonly #missing = new Set<number>();
  #problem: string | null = null;

  /** `report` is told when a problem begins, changes, and (null) ends. */
  constructor(http: RegistryHttp, report: ReportProblem = () => undefined) {
    this.#http = http;
    this.#report = report;
  }

  /** Why it could not be asked the last time, in words for whoever runs this; null when all is well. */
  get problem(): string | null {
    return this.#problem;
  }

  async schemaOf(id: number, signal: AbortSignal): Promise<RegisteredSchema | null> {
    const known = this.#known.get(id);
    if (known !== undefined) return known;
    if (id > greatestId || this.#missing.has(id)) return null;
    const schema = await this.#untilAnswered(() => this.#fetch(id, signal), signal);
    if (schema === null) this.#rememberMissing(id);
    else this.#known.set(id, schema);
    return schema;
  }

  /** Whatever is wrong, with the registry or with how it is asked, ends some day: until then nothing is known. */
  async #untilAnswered<T>(ask: () => Promise<T>, signal: AbortSignal): Promise<T> {
    for (let waitMs = shortestWaitMs; ; waitMs = Math.min(waitMs * 2, longestWaitMs)) {
      try {
        const answer = await ask();
        this.#setProblem(null);
        return answer;
      } catch (error) {
        if (!(error instanceof TidemarkError) || error.code === 'INTERRUPTED') throw error;
        this.#setProblem(error.message);
      }
      await setTimeout(waitMs, undefined, { signal }).catch(cause => {
        throw new TidemarkError('INTERRUPTED', `waiting for ${this.#http.url} was interrupted`, { cause });
      });
    }
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

  #rememberMissing(id: number): void {
    if (this.#missing.size >= mostMissing) this.#missing.clear();
    this.#missing.add(id);
  }

  #setProblem(problem: string | null): void {
    if (problem === this.#problem) return;
    this.#problem = problem;
    this.#report(problem);
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
