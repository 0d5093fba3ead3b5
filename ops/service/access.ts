import { createHash, randomBytes } from 'node:crypto';
import { type Access, isLoopback, type KnownToken, type Role } from '../../connectors/http/access.ts';
import { TidemarkError } from '../../pipeline/errors.ts';
import { tokenLine } from '../settings/kinds.ts';
import { readSettingFile, type SettingText, settingFault } from '../settings/setting-file.ts';
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
 * Who may use HTTP. Where a setting of tokens is given, nobody may without a token. Throws `CONFIG_INVALID` as `tokensOf`
 * does, where the settings that are given hold no token, and where HTTP would be open to other machines without tokens and
 * `http_allow_anonymous` is not set.
 */
export function accessOf(config: Config, localToken: string): Access {
  const { http_tokens: lines, http_tokens_file: file, http_host: host } = config;
  const tokens = tokensOf(config, localToken);
  const anonymous = lines === null && file === null;
  if (file !== null && tokens.every(({ door }) => door === localClient.door))
    throw settingFault(
      { setting: 'http_tokens_file', file },
      'it holds no token, so nobody could use HTTP; allowed is a file with a line for each token (make one with: tidemark token)',
    );
  const loopback = isLoopback(host);
  if (anonymous && !loopback && !config.http_allow_anonymous)
    throw new TidemarkError(
      'CONFIG_INVALID',
      `http_host is ${JSON.stringify(host)}, which other machines can reach, and there are no tokens; ` +
        'set http_tokens (make one with: tidemark token), http_host to 127.0.0.1, or http_allow_anonymous to true',
    );
  return { tokens, anonymous, loopback };
}

/**
 * The tokens of the settings, of `http_tokens_file`, and of this run. Throws `CONFIG_INVALID` for a file or a line that
 * cannot be read and for a name that has two lines.
 */
export function tokensOf(config: Config, localToken: string): readonly KnownToken[] {
  const { http_tokens: given, http_tokens_file: file } = config;
  const lines = [...(given ?? []), ...(file === null ? [] : linesOf(readSettingFile('http_tokens_file', file)))];
  const names = lines.map(line => line.split(':')[0]!);
  const twice = names.find((name, at) => names.indexOf(name) !== at);
  if (twice === undefined) return [...lines.map(tokenOf), { ...localClient, sha256: hashOf(localToken) }];
  throw new TidemarkError('CONFIG_INVALID', `http_tokens: ${twice} has two lines; allowed is one per name`);
}

function linesOf({ setting, file, text }: SettingText): readonly string[] {
  return text.split('\n').flatMap((given, at) => {
    const line = given.trim();
    if (line === '' || line.startsWith('#')) return [];
    if (tokenLine.test(line)) return [line];
    // The line may hold a token by mistake, so it is not shown.
    const allowed = 'allowed is name:role:SHA-256 as `tidemark token` prints it';
    throw new TidemarkError('CONFIG_INVALID', `${setting}: line ${at + 1} of ${file} cannot be read; ${allowed}`);
  });
}

function tokenOf(line: string): KnownToken {
  const [, client = '', role = '', hash = ''] = tokenLine.exec(line) ?? [];
  return { door: 'http', client, role: role as Role, sha256: Buffer.from(hash, 'hex') };
}

function hashOf(token: string): Buffer {
  return createHash('sha256').update(token).digest();
}
