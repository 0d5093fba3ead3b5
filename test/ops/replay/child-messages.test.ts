import { expect, test } from 'vitest';
import { errorOf, failureOf, receivedConfig, sentConfig } from '../../../ops/replay/child-messages.ts';
import { readConfig } from '../../../ops/settings/config.ts';
import { TidemarkError } from '../../../pipeline/errors.ts';

test('settings arrive as they were sent, secrets included, which are hidden again', () => {
  const environment = { TIDEMARK_KAFKA_SASL_PASSWORD: 'hush', TIDEMARK_KAFKA_PARTITIONS: '0-2' };
  const { config } = readConfig({ file: null, environment, flags: { prefix_map: { 'C:/x': 'x' } } });
  // As the channel between processes does.
  const received = receivedConfig(JSON.parse(JSON.stringify(sentConfig(config))));
  expect(received.kafka_sasl_password?.reveal()).toBe('hush');
  expect(JSON.stringify(received)).not.toContain('hush');
  expect({ ...received, kafka_sasl_password: null }).toEqual({ ...config, kafka_sasl_password: null });
});

test('a failure is told in the words of a request', () => {
  const told = failureOf(new TidemarkError('USAGE', '--until asks for a/0; --allow-gaps goes on, --from does not'));
  expect(told).toEqual({
    ...{ kind: 'failure', code: 'REQUEST_INVALID' },
    message: 'until asks for a/0; allow_gaps=true goes on, from does not',
  });
  const conflict = new TidemarkError('REQUEST_CONFLICT', 'it belongs to another replay; give --into another file');
  expect(failureOf(conflict).message).toBe('it belongs to another replay; ask for the replay again with a new id');
  expect(errorOf(told)).toMatchObject({ code: 'REQUEST_INVALID', message: told.message });
});
