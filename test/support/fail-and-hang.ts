/** Begins to stop because of an error, and never ends by itself: `<deadline in milliseconds>`. */
import { openLog } from '../../ops/service/log.ts';
import { StopDeadline } from '../../ops/service/stop-deadline.ts';
import { TidemarkError } from '../../pipeline/errors.ts';

const deadline = new StopDeadline(openLog('info'), Number(process.argv[2]));
deadline.begin(new TidemarkError('SOURCE_CORRUPT', 'the log is damaged'));
// Told to stop as well, which changes nothing.
deadline.begin(null);
setInterval(() => undefined, 1_000);
