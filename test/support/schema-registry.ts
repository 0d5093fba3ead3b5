import { ConfluentRegistry } from '../../connectors/schema-registry/confluent-registry.ts';
import { RegistryHttp, type RegistryOptions } from '../../connectors/schema-registry/http.ts';

/** For whom nobody wants to stop. */
export const never = new AbortController().signal;

let subjects = 0;

/** The registry of a run is shared; so is no subject. */
export function uniqueSubject(name: string): string {
  subjects += 1;
  return `${name}-${process.pid}-${Math.random().toString(36).slice(2)}-${subjects}`;
}

/** What is tested, on a registry at an address, the problems that it tells of, and its clock: set by hand, it stands. */
export function openRegistry(url: string, more: Partial<RegistryOptions> = {}) {
  const http = new RegistryHttp({ url, account: null, authorities: null, ...more });
  const problems: (string | null)[] = [];
  const time = { now: 0 };
  const registry = new ConfluentRegistry(http, {
    clock: { now: () => time.now },
    report: problem => problems.push(problem),
    recheckAfterMs: 1,
  });
  return { http, registry, problems, time };
}

export interface Registering {
  readonly subject?: string;
  /** Further members of the request. */
  readonly more?: object;
}

/** Registers by a plain request and gives the id. */
export async function register(url: string, schema: object, { subject, more = {} }: Registering = {}): Promise<number> {
  const answer = await fetch(`${url}/subjects/${subject ?? uniqueSubject('test')}/versions`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ schema: JSON.stringify(schema), ...more }),
  });
  const { id } = (await answer.json()) as { id: number };
  if (typeof id !== 'number') throw new Error(`registering ended with status ${answer.status}`);
  return id;
}

/** Says what schemas of a subject may follow each other. */
export async function setRule(url: string, subject: string, compatibility: string): Promise<void> {
  const answer = await fetch(`${url}/config/${subject}`, {
    method: 'PUT',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ compatibility }),
  });
  if (!answer.ok) throw new Error(`setting the rule of ${subject} ended with status ${answer.status}`);
}

/** Goes round the event loop until the registry is unavailable, and gives the reason. */
export async function inTrouble({ registry }: Pick<ReturnType<typeof openRegistry>, 'registry'>): Promise<string> {
  while (registry.problem === null) await new Promise(resolve => setImmediate(resolve));
  return registry.problem;
}
