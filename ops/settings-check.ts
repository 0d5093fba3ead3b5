import { checkKafka } from './kafka-options.ts';
import { checkRegistry } from './schema-registry.ts';
import { accessOf } from './service/access.ts';
import { readKeyPair } from './settings/certificates.ts';
import { checkAll } from './settings/setting-file.ts';
import type { Config } from './settings/settings.ts';

/**
 * Checks what several settings say together, and every file of a token, key or certificate. Opens no connection. Throws
 * `CONFIG_INVALID` naming every fault.
 */
export function checkSettings(config: Config): void {
  checkAll([
    () => accessOf(config, ''),
    () => readKeyPair(config, 'http'),
    () => checkKafka(config),
    () => checkRegistry(config),
  ]);
}
