import type { Command } from 'commander';
import { TidemarkError } from '../../pipeline/errors.ts';
import { commandWithSettings, prepareRun } from '../command.ts';
import { openLog } from '../service/log.ts';
import { runService } from '../service/service.ts';
import { StopDeadline } from '../service/stop-deadline.ts';
import { logSuspensions } from '../service/suspension.ts';
import { type Config, isSecret, type SettingName, settingNames } from '../settings/settings.ts';
import { checkSettings } from '../settings-check.ts';

const flags = settingNames.filter(
  (name): name is Exclude<SettingName, `${string}password` | `${string}token`> => !isSecret(name),
);

/** `tidemark run`: the service, until SIGTERM or Ctrl-C. */
export function runCommand(): Command {
  return commandWithSettings(
    'run',
    'read events from Kafka (or a local log) and serve exports, until SIGTERM or Ctrl-C',
    flags,
    [
      'tidemark run --config tidemark.yaml',
      'tidemark run --kafka-brokers localhost:9092 --kafka-topics calls --db calls.duckdb',
      'tidemark run --log-folder log/ --db calls.duckdb',
    ],
  ).action(async options => {
    const { config, signal } = prepareRun(options);
    checkSettings(config);
    const opened = openLog(config.log_level);
    const { output } = opened;
    const log = logSuspensions(opened.log, signal);
    for (const sentence of plainTextWarnings(config)) log.warn({ code: 'CONFIG_INVALID' }, sentence);
    const deadline = new StopDeadline({ log, output }, config.stop_deadline_ms);
    signal.addEventListener('abort', () => deadline.begin(null));
    const onFailure = (error: unknown): void => deadline.begin(error);
    try {
      await runService({ config, log, signal, droppedLines: () => output.dropped, onFailure });
    } catch (error) {
      if (error instanceof TidemarkError && error.code === 'INTERRUPTED' && signal.aborted) return;
      // The command ends with it: it is the last line on standard error.
      throw error;
    } finally {
      await deadline.stopped();
    }
  });
}

/** One sentence for each configured secret that would travel unencrypted. */
export function plainTextWarnings(config: Config): readonly string[] {
  const { kafka_sasl_mechanism: mechanism, kafka_oauth_token_url: tokenUrl, registry_url: registry } = config;
  const sentences: string[] = [];
  const isKafka = config.kafka_brokers.length > 0;
  // SCRAM proves that the client knows the password without sending it.
  if (isKafka && !config.kafka_tls && (mechanism === 'plain' || mechanism === 'oauthbearer')) {
    const secret = mechanism === 'plain' ? 'kafka_sasl_password' : 'the bearer token';
    sentences.push(`${secret} is sent to the brokers in plain text: set kafka_tls`);
  }
  if (isKafka && mechanism === 'oauthbearer' && isPlain(tokenUrl))
    sentences.push(
      'kafka_sasl_password is sent to kafka_oauth_token_url in plain text, and so is the token: use https',
    );
  if (config.registry_username !== null && isPlain(registry))
    sentences.push('registry_password is sent to registry_url in plain text: use https');
  return sentences;
}

function isPlain(url: string | null): boolean {
  return url !== null && new URL(url).protocol === 'http:';
}
