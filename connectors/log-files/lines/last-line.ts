/** True for bytes that are one whole JSON text. A last line without LF which is not may be one still being written. */
export function isCompleteJson(line: Uint8Array): boolean {
  try {
    JSON.parse(new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(line));
    return true;
  } catch {
    return false;
  }
}
