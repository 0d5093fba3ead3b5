import { createHash, randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { type Access, isLoopback, type KnownToken, type Role } from '../../connectors/http/access.ts';
import { TidemarkError } from '../../pipeline/errors.ts';
import { tokenLine } from '../setting-kinds.ts';
import type { Config } from '../settings.ts';

/** Who sends the token of this run: a command of the user who may read the server's note beside the database. */
const localClient = { door: 'cli', client: 'command line', role: 'operator' } as const;

/** A token nobody can guess. */
export function newToken(): string {
  return randomBytes(32).toString('base64url');
}

/** The line that lets the holder of a token in, without telling the token. */
export function lineOf(name: string, role: Role, token: string): string {
  return `${name}:${role}:${hashOf(token).toString('hex')}`;
}

/**
 * Who may come in by HTTP. Throws `CONFIG_INVALID` as `tokensOf` does, and for a door that everyone could walk through from
 * elsewhere without having been asked to be so.
 */
export function accessOf(config: Config, localToken: string): Access {
  const tokens = tokensOf(config, localToken);
  const loopback = isLoopback(config.http_host);
  const anonymous = hasLocalOnly(tokens);
  if (anonymous && !loopback && !config.http_allow_anonymous)
    throw new TidemarkError(
      'CONFIG_INVALID',
      `http_host is ${JSON.stringify(config.http_host)}, which others reach, and there are no tokens; allowed are ` +
        'http_tokens (make one with: tidemark token), 127.0.0.1, or http_allow_anonymous: true',
    );
  return { tokens, anonymous, loopback };
}

/**
 * The tokens of the settings and of their file, and that of this run. Throws `CONFIG_INVALID` for a line that is none, and
 * for a name given twice.
 */
export function tokensOf(config: Config, localToken: string): readonly KnownToken[] {
  const lines = [...config.http_tokens, ...linesOfFile(config.http_tokens_file)];
  const names = lines.map(line => line.split(':')[0]!);
  const twice = names.find((name, at) => names.indexOf(name) !== at);
  if (twice === undefined) return [...lines.map(tokenOf), { ...localClient, sha256: hashOf(localToken) }];
  throw new TidemarkError('CONFIG_INVALID', `http_tokens: ${twice} has two lines; allowed is one a name`);
}

/** True when nobody was given a token. */
export function hasLocalOnly(tokens: readonly KnownToken[]): boolean {
  return tokens.every(({ door }) => door === localClient.door);
}

function linesOfFile(file: string | null): readonly string[] {
  if (file === null) return [];
  const lines = readText(file, 'http_tokens_file').split('\n');
  return lines.flatMap((text, at) => {
    const line = text.trim();
    if (line === '' || line.startsWith('#')) return [];
    if (tokenLine.test(line)) return [line];
    // Somebody may have written a token there in place of its line, so it is not shown.
    const allowed = 'allowed is name:role:SHA-256 as `tidemark token` prints it';
    throw new TidemarkError(
      'CONFIG_INVALID',
      `http_tokens_file: line ${at + 1} of ${file} is no such line; ${allowed}`,
    );
  });
}

function tokenOf(line: string): KnownToken {
  const [, client = '', role = '', hash = ''] = tokenLine.exec(line) ?? [];
  return { door: 'http', client, role: role as Role, sha256: Buffer.from(hash, 'hex') };
}

function hashOf(token: string): Buffer {
  return createHash('sha256').update(token).digest();
}

/** Certificate and key of the door; null where it speaks plain HTTP. Throws `CONFIG_INVALID`. */
export function tlsOf(config: Config): { readonly cert: string; readonly key: string } | null {
  const { http_tls_cert_file: cert, http_tls_key_file: key } = config;
  if (cert === null && key === null) return null;
  if (cert === null || key === null)
    throw new TidemarkError('CONFIG_INVALID', 'http_tls_cert_file and http_tls_key_file go together');
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
