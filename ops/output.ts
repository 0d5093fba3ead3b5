import Table from 'cli-table3';
import { partitionName } from '../pipeline/partition.ts';
import type { LostRecords, PartitionId } from '../pipeline/ports.ts';

/** Where a command writes. Results go to standard output, everything else to standard error. */
export interface Output {
  readonly json: boolean;
  result(text: string): void;
  notice(text: string): void;
  readonly isTerminal: boolean;
}

export function openOutput(json: boolean): Output {
  return {
    json,
    result: text => void process.stdout.write(`${text}\n`),
    notice: text => void process.stderr.write(`${text}\n`),
    isTerminal: process.stderr.isTTY === true,
  };
}

/** Aligned columns under a head, without colours or frames, so that other programs can read it too. */
export function formatTable(head: readonly string[], rows: readonly (readonly (string | number)[])[]): string {
  const bare = { top: '', 'top-mid': '', 'top-left': '', 'top-right': '', bottom: '', 'bottom-mid': '' };
  const chars = {
    ...bare,
    'bottom-left': '',
    'bottom-right': '',
    left: '',
    'left-mid': '',
    mid: '',
    'mid-mid': '',
    right: '',
    'right-mid': '',
    middle: '  ',
  };
  const colAligns = head.map(
    (_, column) => (rows.every(row => typeof row[column] === 'number') ? 'right' : 'left') as 'left' | 'right',
  );
  const table = new Table({
    head: [...head],
    chars,
    colAligns,
    style: { head: [], border: [], 'padding-left': 0, 'padding-right': 0 },
  });
  for (const row of rows) table.push(row.map(cell => (typeof cell === 'number' ? formatCount(cell) : cell)));
  return table
    .toString()
    .split('\n')
    .map(line => line.trimEnd())
    .join('\n');
}

export function formatCount(count: number): string {
  return count.toLocaleString('en-US');
}

export function formatBytes(bytes: number): string {
  const units = ['B', 'KiB', 'MiB', 'GiB', 'TiB'];
  const power = bytes < 1 ? 0 : Math.min(Math.floor(Math.log2(bytes) / 10), units.length - 1);
  return power === 0 ? `${bytes} B` : `${(bytes / 1024 ** power).toFixed(1)} ${units[power]}`;
}

export function formatSeconds(milliseconds: number): string {
  return `${(milliseconds / 1000).toFixed(1)} s`;
}

/** The sentence for a gap of records that were deleted before they were read, or cannot be read. */
export function describeLost(partition: PartitionId, { from, to, reason }: LostRecords): string {
  return `${partitionName(partition)}: ${to - from} records from offset ${from} on were lost (${reason}); the gap is recorded`;
}
