import type { Command } from 'commander';
import { type Overview, readOverview } from '../../connectors/duckdb/overview.ts';
import { formatTimestamp } from '../../schemas/timestamps.ts';
import { commandWithSettings, prepareRun } from '../command.ts';
import { withExistingDatabase } from '../main.ts';
import { formatBytes, formatTable, type Output } from '../output.ts';

/** `tidemark status`: what the database holds and where reading stands. */
export function statusCommand(): Command {
  const examples = ['tidemark status --db calls.duckdb', 'tidemark status --json'];
  return commandWithSettings('status', 'show tables, active counts, offsets and quarantine', ['db'], examples).action(
    async options => {
      const { config, output } = prepareRun(options);
      await withExistingDatabase(config, async database => {
        const overview = await readOverview(database);
        if (output.json) output.result(JSON.stringify(overview));
        else show(overview, output);
      });
    },
  );
}

function show(overview: Overview, output: Output): void {
  const { tables, partitions, quarantined, exports, databaseBytes } = overview;
  output.result(
    formatTable(
      ['table', 'rows', 'active', 'unsettled'],
      tables.map(({ table, rows, active, late }) => [table, rows, active, late]),
    ),
  );
  const read = partitions.map(
    ({ partition, origin, nextOffset, recordsRead, applied, quarantined: set, watermark }) => [
      `${partition.topic}/${partition.partition}`,
      origin,
      nextOffset,
      recordsRead,
      applied,
      set,
      watermark === null ? '-' : formatTimestamp(watermark),
    ],
  );
  output.result(
    `\n${formatTable(['partition', 'last read from', 'next offset', 'records read', 'applied', 'quarantined', 'watermark'], read)}`,
  );
  if (quarantined.length > 0)
    output.result(
      `\n${formatTable(
        ['quarantined as', 'records'],
        quarantined.map(({ reason, records }) => [reason, records]),
      )}`,
    );
  if (exports.length > 0)
    output.result(
      `\n${formatTable(
        ['exports', 'requests'],
        exports.map(({ state, requests }) => [state, requests]),
      )}`,
    );
  output.result(`\ndatabase: ${formatBytes(databaseBytes)}`);
}
