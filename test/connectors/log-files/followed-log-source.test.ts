import { FollowedLogSource } from '../../../connectors/log-files/followed-log-source.ts';
import { openLogWriter } from '../../../connectors/log-files/log/log-writer.ts';
import { describeLiveEventSource } from '../../contracts/live-event-source.ts';
import { temporaryFolder } from '../../support/temporary-folder.ts';

describeLiveEventSource('followed log folder', async partitions => {
  const folder = await temporaryFolder();
  for (const [partition, records] of partitions.entries()) {
    const writer = await openLogWriter({ root: folder.path, topic: 'followed', partition });
    await writer.append(records);
    await writer.close();
  }
  const source = new FollowedLogSource({ path: folder.path, batchRecords: 10, batchBytes: 1 << 20 });
  return { source, close: folder.remove };
});
