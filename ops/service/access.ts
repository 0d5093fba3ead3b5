import { createHash, randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { type Access, isLoopback, type KnownToken, type Role } from '../../connectors/http/access.ts';
import { TidemarkError } from '../../pipeline/errors.ts';
import { tokenLine } from '../settings/kinds.ts';
import type { Config } from '../settings/settings.ts';

/** The client that holds the token of `<db>.server.json`: a command of the user who may read that file. */
/** The client that commands on this machine are. */
export const localClient = { door: 'cli', client: 'command line', role: 'operator' } as const;

/** A new random token of 256 bits. */
export function newToken(): string {
  return randomBytes(32).toString('base64url');
}

/** The line for `http_tokens` that admits the holder of a token. It holds the token's hash, not the token. */
export function lineOf(name: string, role: Role, token: string): string {
  return `${name}:${role}:${hashOf(token).toString('hex')}`;
}

/**
 * Who may use HTTP. Throws `CONFIG_INVALID` as `tokensOf` does, and where HTTP would be open to other machines without
 * tokens and `http_allow_anonymous` is not set.
 */
export function accessOf(config: Config, localToken: string): Access {
  const tokens = tokensOf(config, localToken);
  const loopback = isLoopback(config.http_host);
  const anonymous = hasOnlyLocalToken(tokens);
  if (anonymous && !loopback && !config.http_allow_anonymous)
    throw new TidemarkError(
      'CONFIG_INVALID',
      `http_host is ${JSON.stringify(config.http_host)}, which other machines can reach, and there are no tokens; ` +
        'set http_tokens (make one with: tidemark token), http_host to 127.0.0.1, or http_allow_anonymous to true',
    );
  return { tokens, anonymous, loopback };
}

/**
 * The tokens of the settings, of `http_tokens_file`, and of this run. Throws `CONFIG_INVALID` for a line that cannot be
 * read and for a name that has two lines.
 */
export function tokensOf(config: Config, localToken: string): readonly KnownToken[] {
  const lines = [...config.http_tokens, ...linesOfFile(config.http_tokens_file)];
  const names = lines.map(line => line.split(':')[0]!);
  const twice = names.find((name, at) => names.indexOf(name) !== at);
  if (twice === undefined) return [...lines.map(tokenOf), { ...localClient, sha256: hashOf(localToken) }];
  throw new TidemarkError('CONFIG_INVALID', `http_tokens: ${twice} has two lines; allowed is one per name`);
}

/** True when the settings hold no token, so that the only one is the token of this run for local commands. */
export function hasOnlyLocalToken(tokens: readonly KnownToken[]): boolean {
  return tokens.every(({ door }) => door === localClient.door);
}

function linesOfFile(file: string | null): readonly string[] {
  if (file === null) return [];
  const lines = readText(file, 'http_tokens_file').split('\n');
  return lines.flatMap((text, at) => {
    const line = text.trim();
    if (line === '' || line.startsWith('#')) return [];
    if (tokenLine.test(line)) return [line];
    // The line may hold a token by mistake, so it is not shown.
    const allowed = 'allowed is name:role:SHA-256 as `tidemark token` prints it';
    throw new TidemarkError('CONFIG_INVALID', `http_tokens_file: line ${at + 1} of ${file} cannot be read; ${allowed}`);
  });
}

function tokenOf(line: string): KnownToken {
  const [, client = '', role = '', hash = ''] = tokenLine.exec(line) ?? [];
  return { door: 'http', client, role: role as Role, sha256: Buffer.from(hash, 'hex') };
}

function hashOf(token: string): Buffer {
  return createHash('sha256').update(token).digest();
}

/** Certificate and key for HTTPS; null where HTTP is unencrypted. Throws `CONFIG_INVALID`. */
export function tlsOf(config: Config): { readonly cert: string; readonly key: string } | null {
  const { http_tls_cert_file: cert, http_tls_key_file: key } = config;
  if (cert === null && key === null) return null;
  if (cert === null || key === null)
    throw new TidemarkError('CONFIG_INVALID', 'http_tls_cert_file and http_tls_key_file need each other');
  return { cert: readText(cert, 'http_tls_cert_file'), key: readText(key, 'http_tls_key_file') };
}

function readText(file: string, setting: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new TidemarkError('CONFIG_INVALID', `${setting} is ${JSON.stringify(file)}; it cannot be read: ${reason}`, {
      cause,
    });
  }
}
