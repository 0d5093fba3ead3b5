import { describe, expect, test } from 'vitest';
import { canStartRegistry, startRegistry } from '../../support/kafka/own-servers.ts';

const record = (...fields: readonly object[]) => JSON.stringify({ type: 'record', name: 'Call', fields });
const number = { name: 'number', type: 'long' };

describe.skipIf(!(await canStartRegistry()))('a registry', () => {
  test('that was killed and started again has its schemas, and refuses incompatible ones', async () => {
    const registry = await startRegistry();
    const register = (schema: string) =>
      fetch(`${registry.url}/subjects/calls-value/versions`, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify({ schema }),
      });
    const { id } = (await (await register(record(number))).json()) as { id: number };
    await registry.kill();
    await registry.start();
    const kept = (await (await fetch(`${registry.url}/schemas/ids/${id}`)).json()) as { schema: string };
    expect(JSON.parse(kept.schema)).toEqual(JSON.parse(record(number)));
    const config = { method: 'PUT', headers: { 'content-type': 'application/json' } };
    await fetch(`${registry.url}/config/calls-value`, { ...config, body: '{"compatibility":"BACKWARD"}' });
    expect((await register(record(number, { name: 'text', type: 'string' }))).status).toBe(409);
  });
});
