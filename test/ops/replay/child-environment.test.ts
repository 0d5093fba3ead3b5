import { expect, test } from 'vitest';
import { childEnvironment, childOptions } from '../../../ops/replay/child-environment.ts';

test('the process of a replay gets no secrets and no options of Node from the environment', () => {
  const kept = {
    PATH: '/bin',
    HOME: '/home/t',
    TZ: 'UTC',
    LC_ALL: 'C',
    SSL_CERT_FILE: '/ca.pem',
    UV_THREADPOOL_SIZE: '16',
  };
  const left = { TIDEMARK_KAFKA_SASL_PASSWORD: 'x', NODE_OPTIONS: '--inspect', NODE_CHANNEL_FD: '3', MY_PATH: '/x' };
  expect(childEnvironment({ ...kept, ...left })).toEqual(kept);
});

test('the process of a replay has the memory options of the service, and not its debugger', () => {
  const kept = ['--min-semi-space-size=32', '--max_old_space_size=512', '--heap-growing-percent=60'];
  expect(childOptions(['--inspect=9229', ...kept, '--enable-source-maps'])).toEqual(kept);
});
