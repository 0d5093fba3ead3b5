import type { Command } from 'commander';
import { partitionName } from '../../pipeline/partition.ts';
import { commandWithSettings, prepareRun } from '../command.ts';
import { formatBytes, formatTable, type Output } from '../output.ts';
import type { ControlPartition } from '../service/control-status.ts';
import { readStatus, type Status } from '../service/status.ts';

/** `tidemark status`: what the database holds and how far the log was read; asks the running service, if there is one. */
export function statusCommand(): Command {
  const examples = ['tidemark status --db calls.duckdb', 'tidemark status --json'];
  return commandWithSettings('status', 'show tables, active counts, offsets and quarantine', ['db'], examples).action(
    async options => {
      const { config, output } = prepareRun(options);
      const status = await readStatus(config);
      if (output.json) output.result(JSON.stringify(status));
      else show(status, output);
    },
  );
}

const partitionHead = [
  'partition',
  'last read from',
  'next offset',
  'log end',
  'lag records',
  'lag seconds',
  'records read',
  'applied',
  'quarantined',
  'watermark',
];

const controlHead = ['control topic', 'next offset', 'log end', 'lag records'];

function controlRow(partition: ControlPartition): readonly (string | number)[] {
  return [partitionName(partition), partition.stored_offset, partition.log_end ?? '-', partition.lag_records ?? '-'];
}

function show(status: Status, output: Output): void {
  const { tables, partitions, quarantined, exports, control, database_bytes: databaseBytes } = status;
  if (status.source !== undefined) output.result(`running, reading from ${status.source ?? 'nothing yet'}\n`);
  const unread = status.unread_partitions ?? 0;
  if (unread > 0)
    output.result(
      `${unread} partitions are not read by this process, so exports are provisional: tidemark partitions\n`,
    );
  for (const reason of status.not_ready ?? []) output.result(`not ready: ${reason}\n`);
  output.result(
    formatTable(
      ['table', 'rows', 'active', 'unsettled'],
      tables.map(({ table, rows, active, late }) => [table, rows, active, late]),
    ),
  );
  const partitionRows = partitions.map(partition => [
    partitionName(partition),
    partition.origin,
    partition.stored_offset,
    partition.log_end ?? '-',
    partition.lag_records ?? '-',
    partition.lag_seconds === null ? '-' : partition.lag_seconds.toFixed(1),
    partition.records_read,
    partition.applied,
    partition.quarantined,
    partition.watermark ?? '-',
  ]);
  output.result(`\n${formatTable(partitionHead, partitionRows)}`);
  const further = (head: readonly string[], rows: readonly (readonly (string | number)[])[]): void => {
    if (rows.length > 0) output.result(`\n${formatTable(head, rows)}`);
  };
  further(
    ['quarantined as', 'records'],
    quarantined.map(({ reason, records }) => [reason, records]),
  );
  further(
    ['exports', 'requests'],
    exports.map(({ state, requests }) => [state, requests]),
  );
  further(controlHead, control.partitions.map(controlRow));
  if (control.partitions.length > 0 || control.statuses_waiting > 0)
    output.result(`\nstatuses that wait to be sent: ${control.statuses_waiting}`);
  output.result(`\ndatabase: ${formatBytes(databaseBytes)}`);
}
