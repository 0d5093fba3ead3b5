import type { Command } from 'commander';
import { codeOf, TidemarkError } from '../../pipeline/errors.ts';
import { cancelled, endAs } from '../../pipeline/export/export.ts';
import { cancelledReplay } from '../../pipeline/requests/replay-job.ts';
import { endReplay } from '../../pipeline/requests/run-replay.ts';
import { commandWithSettings, prepareRun, type Run } from '../command.ts';
import { type ExportParts, withExistingDatabase, withExports } from '../main.ts';
import { findClient, type ServiceClient } from '../service/client.ts';
import { addressOf, replayAddressOf } from '../service/remote-export.ts';
import { tellUnusedSettings } from '../service/unused-settings.ts';
import { localAsker } from './export.ts';

const examples = ['tidemark cancel 1f0c… --db calls.duckdb', 'tidemark cancel nightly-2010-08-05 --json'];

/** `tidemark cancel`: cancels an export or a replay, in the running service or, where none runs, in the database file. */
export function cancelCommand(): Command {
  return commandWithSettings(
    'cancel',
    'cancel an export or a replay that has not ended',
    ['db', 'export_root', 'replay_folder'],
    examples,
  )
    .argument('<request-id>', 'the id that `tidemark exports` or `tidemark replays` lists')
    .action(async (requestId: string, options) => {
      const run = prepareRun(options);
      const client = await findClient(run.config.db);
      if (client !== null) tellUnusedSettings(run, client);
      const kind = client === null ? await cancelInFile(requestId, run) : await cancelByService(requestId, client);
      const { output } = run;
      if (output.json) output.result(JSON.stringify({ request_id: requestId, state: 'cancelled' }));
      else if (kind === 'export') output.result(`export ${requestId} is cancelled; none of its files exist`);
      else output.result(`replay ${requestId} is cancelled; its database is removed`);
    });
}

async function cancelByService(requestId: string, client: ServiceClient): Promise<'export' | 'replay'> {
  try {
    await client.ask({ method: 'DELETE', path: addressOf(requestId) });
    return 'export';
  } catch (error) {
    if (codeOf(error) !== 'REQUEST_UNKNOWN') throw error;
    // The path without this parameter would drop the database of a replay that has ended meanwhile.
    await client.ask({ method: 'DELETE', path: `${replayAddressOf(requestId)}?only_cancel=true` });
    return 'replay';
  }
}

/** Cancels a request that a dead process left unfinished, which the next process would run again. */
function cancelInFile(requestId: string, { config, signal }: Run): Promise<'export' | 'replay'> {
  return withExistingDatabase(config, database =>
    withExports(config, { database, signal }, async parts => {
      const { store, directory } = parts;
      const record = await store.find(requestId);
      if (record === null) return cancelReplay(requestId, parts);
      if (!(await store.cancel(requestId, localAsker.client)))
        throw new TidemarkError('REQUEST_ENDED', `export ${requestId} cannot be cancelled: it is ${record.state}`);
      await directory.sweep(record.plan.destination, requestId);
      await endAs(cancelled(requestId, localAsker.client), record, { store, directory });
      return 'export';
    }),
  );
}

async function cancelReplay(requestId: string, { store, replays }: ExportParts): Promise<'replay'> {
  const record = await store.replays.find(requestId);
  if (record === null) {
    const problem = `there is no export and no replay with request id ${JSON.stringify(requestId)}`;
    throw new TidemarkError('REQUEST_UNKNOWN', problem);
  }
  if (!(await store.replays.cancel(requestId, localAsker.client)))
    throw new TidemarkError('REQUEST_ENDED', `replay ${requestId} cannot be cancelled: it is ${record.state}`);
  const reason = cancelledReplay(requestId, localAsker.client);
  await endReplay(reason, record, { store: store.replays, databases: replays });
  return 'replay';
}
