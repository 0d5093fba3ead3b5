import { Agent as HttpAgent, request as httpRequest, type IncomingMessage } from 'node:http';
import { Agent as HttpsAgent, request as httpsRequest } from 'node:https';
import { text } from 'node:stream/consumers';
import { TidemarkError } from '../../pipeline/errors.ts';

export interface RegistryOptions {
  /** The base URL of the registry's interface, such as http://registry:8081 or https://registry/apis/ccompat/v7. */
  readonly url: string;
  readonly account: { readonly username: string; readonly password: string } | null;
  /**
   * The certificates of the signing authorities as PEM; null for the authorities that Node knows. Read for each request, so
   * a getter may give those of a renewed file.
   */
  readonly authorities: string | null;
}

/** An answer of the registry: a result or an error. */
export interface Answer {
  readonly status: number;
  /** Confluent's error code, such as 40403; null without an error. */
  readonly errorCode: number | null;
  readonly message: string;
  readonly body: unknown;
}

/** A request without an answer fails after this time. */
const timeoutMs = 10_000;
const contentType = 'application/vnd.schemaregistry.v1+json';

/**
 * Sends requests to a schema registry. Errors of the registry's own interface come back as an `Answer` with an error code.
 * Throws `REGISTRY_UNREACHABLE` when there is no answer, or when another kind of server answers; `REGISTRY_REFUSED` when
 * access is denied; and `INTERRUPTED` on abort.
 */
export class RegistryHttp {
  readonly url: string;
  readonly #options: RegistryOptions;
  readonly #agent: HttpAgent;

  constructor(options: RegistryOptions) {
    this.url = options.url.replace(/\/+$/, '');
    this.#options = options;
    // A new connection for each request: requests are rare, and a kept connection may be closed by the time of the next one.
    this.#agent = isHttps(this.url) ? new HttpsAgent() : new HttpAgent();
  }

  get(path: string, signal: AbortSignal): Promise<Answer> {
    return this.#request('GET', path, null, signal);
  }

  post(path: string, content: object, signal: AbortSignal): Promise<Answer> {
    return this.#request('POST', path, JSON.stringify(content), signal);
  }

  async #request(method: string, path: string, content: string | null, signal: AbortSignal): Promise<Answer> {
    const timeout = AbortSignal.timeout(timeoutMs);
    try {
      const response = await this.#send(method, path, content, AbortSignal.any([signal, timeout]));
      return this.#readAnswer(response.statusCode ?? 0, await text(response));
    } catch (cause) {
      if (cause instanceof TidemarkError) throw cause;
      if (signal.aborted)
        throw new TidemarkError('INTERRUPTED', `the request to the schema registry ${this.url} was interrupted`, {
          cause,
        });
      throw this.#unreachable(timeout.aborted ? `no answer within ${timeoutMs / 1000} s` : reasonOf(cause), cause);
    }
  }

  #send(method: string, path: string, content: string | null, signal: AbortSignal): Promise<IncomingMessage> {
    const { account, authorities: ca } = this.#options;
    const request = isHttps(this.url) ? httpsRequest : httpRequest;
    return new Promise((resolve, reject) => {
      const sent = request(`${this.url}${path}`, {
        method,
        signal,
        agent: this.#agent,
        ...(ca !== null && { ca }),
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

  #readAnswer(status: number, content: string): Answer {
    if (status === 401 || status === 403) {
      throw new TidemarkError(
        'REGISTRY_REFUSED',
        `the schema registry ${this.url} denies access with status ${status}; check registry_username and registry_password`,
      );
    }
    const body = parseJson(content);
    const fields = isObject(body) ? body : {};
    const errorCode = typeof fields.error_code === 'number' ? fields.error_code : null;
    const isResult = status >= 200 && status < 300 && body !== undefined;
    const isError = status >= 400 && status < 500 && status !== 429 && errorCode !== null;
    if (!isResult && !isError) throw this.#unreachable(`status ${status} is not an answer of a schema registry`);
    return { status, errorCode, message: String(fields.message ?? ''), body };
  }

  #unreachable(reason: string, cause?: unknown): TidemarkError {
    return new TidemarkError(
      'REGISTRY_UNREACHABLE',
      `the schema registry ${this.url} is unavailable: ${reason}; check registry_url`,
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

function parseJson(content: string): unknown {
  try {
    return JSON.parse(content);
  } catch {
    return undefined;
  }
}

/** When a host has several addresses, Node's error holds one error per address and no message of its own. */
function reasonOf(cause: unknown): string {
  if (cause instanceof AggregateError) return cause.errors.map(reasonOf).join(', ');
  const reason = cause instanceof Error ? cause.message : String(cause);
  return /certificate|self.signed/i.test(reason)
    ? `${reason} (set registry_ca_file to the authority that signs it)`
    : reason;
}
