import { Agent as HttpAgent, request as httpRequest, type IncomingMessage } from 'node:http';
import { Agent as HttpsAgent, request as httpsRequest } from 'node:https';
import { text } from 'node:stream/consumers';
import { TidemarkError } from '../../pipeline/errors.ts';

export interface RegistryOptions {
  /** Where its interface begins, such as http://registry:8081 or https://registry/apis/ccompat/v7. */
  readonly url: string;
  readonly account: { readonly username: string; readonly password: string } | null;
  /** The authorities that sign its certificate, as PEM; null for those that Node knows. */
  readonly authorities: string | null;
}

/** What the registry says, be it yes or no. */
export interface Answer {
  readonly status: number;
  /** Confluent's own number for what went wrong, such as 40403; null when nothing did. */
  readonly errorCode: number | null;
  readonly message: string;
  readonly body: unknown;
}

/** A registry that says nothing for so long is asked again. */
const timeoutMs = 10_000;
const contentType = 'application/vnd.schemaregistry.v1+json';

/**
 * Asks a schema registry over HTTP. Gives its answer when it is one of a registry; throws `REGISTRY_UNREACHABLE` when there
 * is none or it is none that a registry gives, `REGISTRY_REFUSED` when it will not talk to us, `INTERRUPTED` on abort.
 */
export class RegistryHttp {
  readonly url: string;
  readonly #options: RegistryOptions;
  readonly #agent: HttpAgent;

  constructor(options: RegistryOptions) {
    this.url = options.url.replace(/\/+$/, '');
    this.#options = options;
    const { authorities } = options;
    // A connection a question: questions are rare, and one that was kept may be gone when it is wanted.
    this.#agent = isHttps(this.url) ? new HttpsAgent(authorities === null ? {} : { ca: authorities }) : new HttpAgent();
  }

  get(path: string, signal: AbortSignal): Promise<Answer> {
    return this.#ask('GET', path, null, signal);
  }

  post(path: string, content: object, signal: AbortSignal): Promise<Answer> {
    return this.#ask('POST', path, JSON.stringify(content), signal);
  }

  async #ask(method: string, path: string, content: string | null, signal: AbortSignal): Promise<Answer> {
    const timeout = AbortSignal.timeout(timeoutMs);
    try {
      const response = await this.#send(method, path, content, AbortSignal.any([signal, timeout]));
      return this.#judge(response.statusCode ?? 0, await text(response));
    } catch (cause) {
      if (cause instanceof TidemarkError) throw cause;
      if (signal.aborted) throw new TidemarkError('INTERRUPTED', `asking ${this.url} was interrupted`, { cause });
      throw this.#unreachable(timeout.aborted ? `no answer within ${timeoutMs / 1000} s` : reasonOf(cause), cause);
    }
  }

  #send(method: string, path: string, content: string | null, signal: AbortSignal): Promise<IncomingMessage> {
    const { account } = this.#options;
    const request = isHttps(this.url) ? httpsRequest : httpRequest;
    return new Promise((resolve, reject) => {
      const sent = request(`${this.url}${path}`, {
        method,
        signal,
        agent: this.#agent,
        headers: {
          accept: `${contentType}, application/json`,
          ...(content !== null && { 'content-type': contentType }),
        },
        ...(account !== null && { auth: `${account.username}:${account.password}` }),
      });
      sent
        .on('response', resolve)
        .on('error', reject)
        .end(content ?? undefined);
    });
  }

  #judge(status: number, content: string): Answer {
    if (status === 401 || status === 403) {
      throw new TidemarkError(
        'REGISTRY_REFUSED',
        `the schema registry ${this.url} refuses us with status ${status}; see registry_username and registry_password`,
      );
    }
    const body = parsed(content);
    const said = isObject(body) ? body : {};
    const errorCode = typeof said.error_code === 'number' ? said.error_code : null;
    const isYes = status >= 200 && status < 300 && body !== undefined;
    const isNo = status >= 400 && status < 500 && status !== 429 && errorCode !== null;
    if (!isYes && !isNo) throw this.#unreachable(`it answers with status ${status}, as no schema registry does`);
    return { status, errorCode, message: String(said.message ?? ''), body };
  }

  #unreachable(reason: string, cause?: unknown): TidemarkError {
    return new TidemarkError(
      'REGISTRY_UNREACHABLE',
      `the schema registry ${this.url} cannot be asked: ${reason}; see registry_url`,
      { cause },
    );
  }
}

function isHttps(url: string): boolean {
  return url.startsWith('https:');
}

export function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null;
}

function parsed(content: string): unknown {
  try {
    return JSON.parse(content);
  } catch {
    return undefined;
  }
}

/** A host of several addresses fails with an error for each and no words of its own. */
function reasonOf(cause: unknown): string {
  if (cause instanceof AggregateError) return cause.errors.map(reasonOf).join(', ');
  const reason = cause instanceof Error ? cause.message : String(cause);
  return /certificate|self.signed/i.test(reason) ? `${reason} (registry_ca_file names who signs it)` : reason;
}
