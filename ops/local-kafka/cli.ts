import { Command, InvalidArgumentError } from 'commander';
import { interruptSignal } from '../ending.ts';
import { openOutput } from '../output.ts';
import { demo } from './demo.ts';
import { registryUrl } from './registry.ts';
import { startServers, stopServers } from './servers.ts';
import { type LocalState, localFolder } from './state.ts';

const output = openOutput(false);
const interrupted = interruptSignal();

const program = new Command('local-kafka').description(
  'Apache Kafka and a schema registry on this machine, without Docker.',
);

program
  .command('up')
  .description('start Kafka and the schema registry in the background, unless they are running')
  .option('--no-registry', 'start Kafka without the schema registry')
  .action(async ({ registry }: { readonly registry: boolean }) => {
    const starting = (name: string) => output.notice(`starting ${name}; the first start downloads it`);
    const wanted = registry ? (['kafka', 'registry'] as const) : (['kafka'] as const);
    output.result(shown(await startServers({ folder: localFolder, wanted, starting })));
  });

program
  .command('down')
  .description('stop the servers that "up" started; records and schemas are kept')
  .option('--delete', 'delete records and schemas too', false)
  .action(async (options: { readonly delete: boolean }) => {
    const ended = await stopServers(localFolder, { records: options.delete });
    output.result(ended.length === 0 ? 'nothing was running' : `stopped: ${ended.join(', ')}`);
  });

program
  .command('demo')
  .description('send a day of real calls to Kafka, and show how far they are read')
  .option('--brokers <list>', 'brokers, separated by commas (default: those of "up")')
  .option('--registry-url <url>', 'schema registry, for --avro (default: that of "up")')
  .option('--topic <name>', 'topic to send to; it is created if it does not exist', 'calls')
  .option('--partitions <count>', 'number of partitions, if the topic is created', count, 3)
  .option('--group <name>', 'consumer group whose lag is shown', 'tidemark')
  .option('--rate <events>', 'send calls with the current time, this many events per second, until Ctrl-C', count)
  .option('--month', 'send the whole month of calls, 359,543 events', false)
  .option('--avro', 'encode as Avro, with schemas in the registry, instead of JSON', false)
  .action(options => demo({ rate: null, ...options }, output, interrupted));

try {
  await program.parseAsync();
} catch (error) {
  output.notice(error instanceof Error ? error.message : String(error));
  process.exitCode = 1;
}

function count(text: string): number {
  if (!/^[1-9]\d{0,6}$/.test(text)) throw new InvalidArgumentError('Allowed is a whole number from 1 to 9999999.');
  return Number(text);
}

function shown({ kafka, registry }: LocalState): string {
  const brokers = `127.0.0.1:${kafka?.port}`;
  const url = registry === null ? null : registryUrl(registry.port);
  return `Kafka            ${brokers}
schema registry  ${url ?? 'not started'}
logs and records ${localFolder}/

Try next:
  npm run kafka:demo
  npx tidemark run --kafka-brokers ${brokers} --kafka-topics calls --db calls-kafka.duckdb
  npm run kafka:down`;
}
