import { Command } from 'commander';
import { readSources } from '../../connectors/duckdb/store/source-rows.ts';
import { commandWithSettings, prepareRun, type Run, withExamples } from '../command.ts';
import { latenessOf, withExistingDatabase, withWarehouse } from '../main.ts';
import { formatTable, type Output } from '../output.ts';
import { findClient } from '../service/client.ts';
import { endPartition, type ListedPartition, listPartitions } from '../service/partition-list.ts';
import { tellUnusedSettings } from '../service/unused-settings.ts';
import { localAsker } from './export.ts';

/** `tidemark partitions`: the sources of the events, and up to when each has given its events. */
export function partitionsCommand(): Command {
  const list = ['tidemark partitions --db calls.duckdb', 'tidemark partitions --json'];
  const end = ['tidemark partitions end calls/3 --db calls.duckdb'];
  const command = commandWithSettings(
    'partitions',
    'list where events come from, and up to when each has given its events',
    ['db', 'allowed_lateness_ms', 'clock_lateness_ms'],
    list,
  ).action(async options => {
    const run = prepareRun(options);
    show(await readPartitions(run), run.output);
  });
  return command.addCommand(
    withExamples(new Command('end'), end)
      .description('end a partition, file, log or topic by hand, so that windows no longer wait for it')
      .argument('<name>', 'as `tidemark partitions` lists it: <topic>/<partition>, or <topic> for the topic itself')
      .action(async (name: string, _, end: Command) => endByHand(name, prepareRun(end.optsWithGlobals()))),
  );
}

/** Asks the service that owns the database, or else looks into the file. */
async function readPartitions(run: Run): Promise<readonly ListedPartition[]> {
  const { config } = run;
  const client = await findClient(config.db);
  if (client !== null) tellUnusedSettings(run, client);
  if (client !== null) return client.ask<readonly ListedPartition[]>({ path: '/partitions' });
  return withExistingDatabase(config, async database => {
    const connection = await database.connect();
    try {
      return listPartitions((await readSources(connection)).sources, latenessOf(config));
    } finally {
      connection.closeSync();
    }
  });
}

async function endByHand(name: string, run: Run): Promise<void> {
  const { config, output } = run;
  const partition = parseName(name);
  const client = await findClient(config.db);
  if (client !== null) {
    tellUnusedSettings(run, client);
    const number = partition.partition === null ? '' : `/${partition.partition}`;
    await client.ask({ method: 'POST', path: `/partitions/${encodeURIComponent(partition.topic)}${number}/end` });
  } else
    await withExistingDatabase(config, database =>
      withWarehouse(config, database, warehouse =>
        endPartition(warehouse, { partition, who: localAsker.client, clock: { now: Date.now } }),
      ),
    );
  if (output.json) output.result(JSON.stringify({ ...partition, ended: true }));
  else output.result(`${name} is ended: windows no longer wait for it; a later event from it makes it live again`);
}

function parseName(name: string): Pick<ListedPartition, 'topic' | 'partition'> {
  const [, topic, partition] = /^(.+)\/(\d{1,9})$/.exec(name) ?? [];
  return topic === undefined ? { topic: name, partition: null } : { topic, partition: Number(partition) };
}

function show(partitions: readonly ListedPartition[], output: Output): void {
  if (output.json) {
    output.result(JSON.stringify(partitions));
    return;
  }
  const rows = partitions.map(
    ({ topic, partition, kind, first_offset, next_offset, watermark, vouched_by, reason }) => [
      ...[
        partition === null ? topic : `${topic}/${partition}`,
        kind,
        first_offset ?? '-',
        next_offset ?? '-',
        watermark ?? '-',
        vouched_by ?? '-',
      ],
      reason ?? '',
    ],
  );
  const head = ['partition', 'kind', 'first offset', 'next offset', 'watermark', 'vouched by', 'reason'];
  output.result(formatTable(head, rows));
}
