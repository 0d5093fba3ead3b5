import { TidemarkError } from '../../pipeline/errors.ts';
import { type Answer, isObject, type RegistryHttp } from './http.ts';

/** A schema and the subject that it is, or will be, registered under. */
export interface SubjectSchema {
  readonly subject: string;
  readonly text: string;
}

interface RegisteredVersion {
  readonly subject: string;
  readonly id: number;
  readonly version: number;
}

/** Whether a schema may be registered under its subject. `registered`: it already is. `new`: the subject has no schema yet. */
export type Standing =
  | { readonly subject: string; readonly standing: 'registered'; readonly id: number; readonly version: number }
  | { readonly subject: string; readonly standing: 'new' | 'compatible' }
  | { readonly subject: string; readonly standing: 'incompatible'; readonly why: string };

/** Checks whether a schema may be registered, and registers nothing. */
export async function checkSchema(http: RegistryHttp, schema: SubjectSchema, signal: AbortSignal): Promise<Standing> {
  const { subject } = schema;
  const found = await findVersion(http, schema, signal);
  if (found === 'no subject') return { subject, standing: 'new' };
  if (found !== 'no version') return { standing: 'registered', ...found };
  const path = `/compatibility/subjects/${encodeURIComponent(subject)}/versions?verbose=true`;
  const answer = await http.post(path, { schema: schema.text }, signal);
  if (answer.errorCode === noValidSchema) return { subject, standing: 'incompatible', why: answer.message };
  const body = bodyOf(answer, http);
  if (body.is_compatible === true) return { subject, standing: 'compatible' };
  // Some registries compare the schemas even when their rule is NONE, which accepts any schema.
  const rule = await compatibilityRuleOf(http, subject, signal);
  if (rule === 'NONE') return { subject, standing: 'compatible' };
  const messages = Array.isArray(body.messages) ? body.messages.map(String) : [];
  return { subject, standing: 'incompatible', why: [`the rule is ${rule}`, ...messages].join('; ') };
}

/**
 * Registers a schema; an already registered one keeps its id and version. Throws `SCHEMA_INCOMPATIBLE` when the registry
 * refuses it.
 */
export async function registerSchema(
  http: RegistryHttp,
  schema: SubjectSchema,
  signal: AbortSignal,
): Promise<RegisteredVersion> {
  const { subject, text } = schema;
  const answer = await http.post(`/subjects/${encodeURIComponent(subject)}/versions`, { schema: text }, signal);
  if (answer.status === 409 || answer.errorCode === noValidSchema)
    throw incompatible([{ subject, why: answer.message }]);
  bodyOf(answer, http);
  const found = await findVersion(http, schema, signal);
  if (typeof found === 'object') return found;
  throw new TidemarkError(
    'REGISTRY_UNREACHABLE',
    `the schema registry ${http.url} registered ${subject}, but does not return it; try again`,
  );
}

/**
 * Returns the id of a schema, and registers the schema if it is not registered yet. When this client may not register
 * schemas, the schema must have been registered before.
 */
export async function registeredId(http: RegistryHttp, schema: SubjectSchema, signal: AbortSignal): Promise<number> {
  const found = await findVersion(http, schema, signal);
  return typeof found === 'object' ? found.id : (await registerSchema(http, schema, signal)).id;
}

/** The names of all subjects. Throws as `RegistryHttp` does. */
export async function listSubjects(http: RegistryHttp, signal: AbortSignal): Promise<readonly string[]> {
  const answer = await http.get('/subjects', signal);
  if (Array.isArray(answer.body)) return answer.body.map(String);
  throw new TidemarkError(
    'REGISTRY_UNREACHABLE',
    `the schema registry ${http.url} answers the request for its subjects with status ${answer.status}: ${answer.message}`,
  );
}

/** One error for all incompatible subjects. */
export function incompatible(faults: readonly { readonly subject: string; readonly why: string }[]): TidemarkError {
  const lines = faults.map(
    ({ subject, why }) => `${subject}: Tidemark's schema is not compatible with the registered one: ${why}`,
  );
  return new TidemarkError('SCHEMA_INCOMPATIBLE', lines.join('\n'));
}

/** Confluent's error codes. */
const noSubject = 40401;
const noSchema = 40403;
const noValidSchema = 42201;

/** Looks for exactly this schema under its subject. */
async function findVersion(
  http: RegistryHttp,
  { subject, text }: SubjectSchema,
  signal: AbortSignal,
): Promise<RegisteredVersion | 'no subject' | 'no version'> {
  const answer = await http.post(`/subjects/${encodeURIComponent(subject)}`, { schema: text }, signal);
  if (answer.errorCode === noSubject) return 'no subject';
  if (answer.errorCode === noSchema || answer.errorCode === noValidSchema) return 'no version';
  const { id, version } = bodyOf(answer, http);
  return { subject, id: Number(id), version: Number(version) };
}

async function compatibilityRuleOf(http: RegistryHttp, subject: string, signal: AbortSignal): Promise<string> {
  const answer = await http.get(`/config/${encodeURIComponent(subject)}?defaultToGlobal=true`, signal);
  return String(bodyOf(answer, http).compatibilityLevel);
}

function bodyOf({ status, errorCode, message, body }: Answer, http: RegistryHttp): Readonly<Record<string, unknown>> {
  if (errorCode === null && isObject(body)) return body;
  throw new TidemarkError(
    'REGISTRY_UNREACHABLE',
    `the schema registry ${http.url} answers with status ${status}: ${message}`,
  );
}
