import { expect, test } from 'vitest';
import { databaseFailure } from '../../../../connectors/duckdb/file/failure.ts';

test.each([
  ['Out of Memory Error: failed to pin block of size 256.0 KiB', 'OUT_OF_MEMORY'],
  [
    'TransactionContext Error: Failed to commit: could not allocate block of size 256.0 KiB (23.6 MiB/23.8 MiB used)',
    'OUT_OF_MEMORY',
  ],
  ['IO Error: Could not write file "x": No space left on device', 'DISK_FULL'],
  ['IO Error: Cannot open file "x": Permission denied', 'NOT_WRITABLE'],
  ['FATAL Error: Failed to create checkpoint because of error: Corrupted in-memory column', 'WAREHOUSE_BROKEN'],
  ['Binder Error: Referenced column "x" not found', null],
])('%s is %s', (message, code) => {
  expect(databaseFailure(new Error(message), 'store a batch')?.code ?? null).toBe(code);
});
