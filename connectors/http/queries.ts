import type { FastifySchemaValidationError } from 'fastify';
import { TidemarkError } from '../../pipeline/errors.ts';
import type { Fault, GivenParameters } from '../../pipeline/export/parameters.ts';

/** Never fails: what is wrong with a query is told with its other faults. */
export function parseQuery(text: string): Record<string, string | string[]> {
  const query: Record<string, string | string[]> = Object.create(null);
  for (const [name, value] of new URLSearchParams(text)) {
    const before = query[name];
    query[name] = before === undefined ? value : [before, value].flat();
  }
  return query;
}

/** Refuses a query that is no text: a path with a replaced character would not be the client's any more. */
export function checkQueryText(url: string): void {
  const query = url.slice(url.indexOf('?') + 1);
  try {
    decodeURIComponent(query);
  } catch {
    throw new TidemarkError('REQUEST_INVALID', 'the query is not UTF-8 in percent encoding (a plain % is %25)');
  }
}

/** The parameters as given; of one that was sent twice, which is a fault, the first. Checked values are texts again. */
export function givenOf(query: unknown): GivenParameters {
  const entries = Object.entries(query as Record<string, unknown>);
  return Object.fromEntries(entries.map(([name, value]) => [name, String(Array.isArray(value) ? value[0] : value)]));
}

/** What a schema found wrong, in the words of all other faults, once a parameter. */
export function faultsOf(errors: readonly FastifySchemaValidationError[]): readonly Fault[] {
  const faults = new Map<string, Fault>();
  for (const error of errors) {
    const fault = faultOf(error as VerboseError);
    if (!faults.has(fault.parameter)) faults.set(fault.parameter, fault);
  }
  return [...faults.values()];
}

/** As the validator tells when it is asked to tell all. */
interface VerboseError extends FastifySchemaValidationError {
  readonly data?: unknown;
  readonly parentSchema?: {
    readonly properties?: object;
    readonly enum?: readonly unknown[];
    readonly description?: string;
  };
}

function faultOf({ keyword, instancePath, params, data, parentSchema, message }: VerboseError): Fault {
  if (keyword === 'required') {
    const parameter = String(params.missingProperty);
    return { parameter, message: `${parameter} is required` };
  }
  if (keyword === 'additionalProperties') {
    const parameter = String(params.additionalProperty);
    const allowed = Object.keys(parentSchema?.properties ?? {}).join(', ');
    return { parameter, message: `${parameter} is not a parameter; allowed are ${allowed || 'none'}` };
  }
  const parameter = instancePath.slice(1).replaceAll('~1', '/').replaceAll('~0', '~').split('/')[0] ?? '';
  if (Array.isArray(data)) return { parameter, message: `${parameter} is given ${data.length} times; allowed is once` };
  const choices = params.type === 'boolean' ? ['true', 'false'] : parentSchema?.enum;
  const allowed = choices?.join(', ') ?? parentSchema?.description ?? message;
  return { parameter, message: `${parameter} is ${JSON.stringify(data)}; allowed is ${allowed}` };
}

/** True for a parameter that was sent more than once: what it means could only be guessed. */
export function isRepeated(error: FastifySchemaValidationError): boolean {
  return Array.isArray((error as VerboseError).data);
}

export function requestInvalid(faults: readonly Fault[]): TidemarkError {
  return new TidemarkError('REQUEST_INVALID', faults.map(({ message }) => message).join('; '));
}
