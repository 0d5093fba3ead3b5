/** Says that it is ready, and that it was told to stop, which it does not do. */
import { interruptSignal } from '../../ops/ending.ts';

interruptSignal().addEventListener('abort', () => process.stdout.write('stopping\n'));
setInterval(() => undefined, 1_000);
process.stdout.write('ready\n');
