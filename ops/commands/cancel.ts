import type { Command } from 'commander';
import { TidemarkError } from '../../pipeline/errors.ts';
import { cancelled, endAs } from '../../pipeline/export/export.ts';
import { commandWithSettings, prepareRun, type Run } from '../command.ts';
import { withExistingDatabase, withExports } from '../main.ts';
import { findClient } from '../service/client.ts';
import { addressOf } from '../service/remote-export.ts';
import { tellUnusedSettings } from '../service/unused-settings.ts';
import { localAsker } from './export.ts';

const examples = ['tidemark cancel 1f0c… --db calls.duckdb', 'tidemark cancel nightly-2010-08-05 --json'];

/** `tidemark cancel`: cancels an export, in the running service or, where none runs, in the database file. */
export function cancelCommand(): Command {
  return commandWithSettings('cancel', 'cancel an export that has not ended', ['db', 'export_root'], examples)
    .argument('<request-id>', 'the id that `tidemark exports` lists')
    .action(async (requestId: string, options) => {
      const run = prepareRun(options);
      const client = await findClient(run.config.db);
      if (client !== null) tellUnusedSettings(run, client);
      if (client === null) await cancelInFile(requestId, run);
      else await client.ask({ method: 'DELETE', path: addressOf(requestId) });
      const { output } = run;
      if (output.json) output.result(JSON.stringify({ request_id: requestId, state: 'cancelled' }));
      else output.result(`export ${requestId} is cancelled; none of its files exist`);
    });
}

/** Cancels a request that a dead process left unfinished, which the next process would run again. */
function cancelInFile(requestId: string, { config, signal }: Run): Promise<void> {
  return withExistingDatabase(config, database =>
    withExports(config, { database, signal }, async ({ store, directory }) => {
      const record = await store.find(requestId);
      if (record === null)
        throw new TidemarkError('REQUEST_UNKNOWN', `there is no export with request id ${JSON.stringify(requestId)}`);
      if (!(await store.cancel(requestId, localAsker.client)))
        throw new TidemarkError('REQUEST_ENDED', `export ${requestId} cannot be cancelled: it is ${record.state}`);
      await directory.sweep(record.plan.destination, requestId);
      await endAs(cancelled(requestId, localAsker.client), record, { store, directory });
    }),
  );
}
