import type { FastifySchemaValidationError } from 'fastify';
import { TidemarkError } from '../../pipeline/errors.ts';
import type { Fault, GivenParameters } from '../../pipeline/export/parameters.ts';

/** Reads a query string; never fails. A parameter that is given several times becomes an array, which the schema refuses. */
export function parseQuery(text: string): Record<string, string | string[]> {
  const query: Record<string, string | string[]> = Object.create(null);
  for (const [name, value] of new URLSearchParams(text)) {
    const before = query[name];
    query[name] = before === undefined ? value : [before, value].flat();
  }
  return query;
}

/**
 * Throws `REQUEST_INVALID` for a query that is not UTF-8: decoding would replace characters, and the files would get another
 * path than the client requested.
 */
export function checkQueryText(url: string): void {
  const query = url.slice(url.indexOf('?') + 1);
  try {
    decodeURIComponent(query);
  } catch {
    throw new TidemarkError('REQUEST_INVALID', 'the query is not UTF-8 in percent encoding (a plain % is %25)');
  }
}

/** The parameters as text, as the client gave them; the first value of one that is given several times, which is a fault. */
export function givenOf(query: unknown): GivenParameters {
  const entries = Object.entries(query as Record<string, unknown>);
  return Object.fromEntries(entries.map(([name, value]) => [name, String(Array.isArray(value) ? value[0] : value)]));
}

/** The faults that a schema found, worded like the faults of `readParameters`; at most one for each parameter. */
export function faultsOf(errors: readonly FastifySchemaValidationError[]): readonly Fault[] {
  const faults = new Map<string, Fault>();
  for (const error of errors) {
    const fault = faultOf(error as VerboseError);
    if (!faults.has(fault.parameter)) faults.set(fault.parameter, fault);
  }
  return [...faults.values()];
}

/** The errors of Ajv with the option `verbose`. */
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

/** True for the fault that a parameter is given several times. */
export function isRepeated(error: FastifySchemaValidationError): boolean {
  return Array.isArray((error as VerboseError).data);
}

/** One error that names all faults. */
export function requestInvalid(faults: readonly Fault[]): TidemarkError {
  return new TidemarkError('REQUEST_INVALID', faults.map(({ message }) => message).join('; '));
}
