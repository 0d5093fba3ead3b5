import { readSmallFileSync } from '../../connectors/small-files.ts';
import { TidemarkError } from '../../pipeline/errors.ts';

/** The text of a file that a setting names, with both names for messages. */
export interface SettingText {
  readonly setting: string;
  readonly file: string;
  readonly text: string;
}

/** Reads a file that a setting names. Throws `CONFIG_INVALID` with both names when it cannot be read or is no file. */
export function readSettingFile(setting: string, file: string): SettingText {
  try {
    return { setting, file, text: readSmallFileSync(file) };
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw settingFault({ setting, file }, `it cannot be read: ${reason}`, cause);
  }
}

/** `CONFIG_INVALID` for a file that a setting names. `fault` says what is wrong and what is allowed. */
export function settingFault(
  { setting, file }: Pick<SettingText, 'setting' | 'file'>,
  fault: string,
  cause?: unknown,
): TidemarkError {
  return new TidemarkError('CONFIG_INVALID', `${setting} is ${JSON.stringify(file)}; ${fault}`, { cause });
}

type Results<Checks extends readonly (() => unknown)[]> = { [At in keyof Checks]: ReturnType<Checks[At]> };

/**
 * Makes all checks and returns their results. Throws one `CONFIG_INVALID` that holds the message of each that throws
 * `CONFIG_INVALID`, so that a user sees all faults at once. Any other error is thrown as it is.
 */
export function checkAll<const Checks extends readonly (() => unknown)[]>(checks: Checks): Results<Checks> {
  const faults: string[] = [];
  const results: unknown[] = [];
  for (const check of checks) {
    try {
      results.push(check());
    } catch (error) {
      if (!(error instanceof TidemarkError) || error.code !== 'CONFIG_INVALID') throw error;
      faults.push(error.message);
    }
  }
  if (faults.length > 0) throw new TidemarkError('CONFIG_INVALID', faults.join('\n'));
  // Each check has returned its result.
  return results as Results<Checks>;
}
