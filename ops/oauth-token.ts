import { readSmallFile } from '../connectors/small-files.ts';
import { TidemarkError } from '../pipeline/errors.ts';
import type { Config } from './settings/settings.ts';

/**
 * The current bearer token. A token file is read again each time, so that it can be refreshed without a restart. Throws
 * `SOURCE_UNREACHABLE` where trying later may help, `SOURCE_REFUSED` where client id and secret are refused.
 */
export async function bearerToken(config: Config): Promise<string> {
  const { kafka_oauth_token_file: file, kafka_oauth_token_url: url } = config;
  if (file !== null) return readToken(file);
  return url === null ? (config.kafka_oauth_token?.reveal() ?? '') : requestToken(url, config);
}

async function readToken(file: string): Promise<string> {
  // The file may be missing or empty for a moment while it is being replaced.
  const text = await readSmallFile(file).catch((cause: unknown) => {
    const problem = `kafka_oauth_token_file cannot be read: ${reasonOf(cause)}`;
    throw new TidemarkError('SOURCE_UNREACHABLE', problem, { cause });
  });
  const token = text.trim();
  if (token !== '') return token;
  throw new TidemarkError('SOURCE_UNREACHABLE', `kafka_oauth_token_file is ${JSON.stringify(file)}; it is empty`);
}

/** OAuth 2.0 client credentials (RFC 6749, section 4.4); id and secret are encoded as in a form first (section 2.3.1). */
async function requestToken(url: string, config: Config): Promise<string> {
  const [id, secret] = [config.kafka_sasl_username ?? '', config.kafka_sasl_password?.reveal() ?? ''];
  const { status, text } = await post(url, `${formEncoded(id)}:${formEncoded(secret)}`);
  const noToken = `kafka_oauth_token_url ${url} returned no token`;
  // The standard answers 400 or 401; a proxy in front of the server answers 403.
  if ([400, 401, 403].includes(status))
    throw new TidemarkError('SOURCE_REFUSED', `${noToken} for this client id and secret: it answered ${status}`);
  const token = status === 200 ? tokenOf(text) : null;
  if (token === null)
    throw new TidemarkError('SOURCE_UNREACHABLE', `${noToken}: it answered ${status}, without an access_token`);
  return token;
}

async function post(url: string, account: string): Promise<{ readonly status: number; readonly text: string }> {
  try {
    const response = await fetch(url, {
      method: 'POST',
      headers: {
        authorization: `Basic ${Buffer.from(account).toString('base64')}`,
        'content-type': 'application/x-www-form-urlencoded',
      },
      body: 'grant_type=client_credentials',
      signal: AbortSignal.timeout(10_000),
    });
    return { status: response.status, text: await response.text() };
  } catch (cause) {
    const reason = reasonOf(cause);
    throw new TidemarkError('SOURCE_UNREACHABLE', `kafka_oauth_token_url ${url} does not answer: ${reason}`, { cause });
  }
}

function tokenOf(text: string): string | null {
  try {
    const answer: unknown = JSON.parse(text);
    const token =
      typeof answer === 'object' && answer !== null && 'access_token' in answer ? answer.access_token : null;
    return typeof token === 'string' && token !== '' ? token : null;
  } catch {
    return null;
  }
}

function formEncoded(text: string): string {
  return new URLSearchParams([['', text]]).toString().slice(1);
}

/** The message of the error's cause, because the message of a failed `fetch` has no reason. */
function reasonOf(error: unknown): string {
  const { message, cause } = error as Error;
  return cause instanceof Error ? cause.message : message;
}
