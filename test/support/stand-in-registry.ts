import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { onTestFinished } from 'vitest';

/** A registry that knows the schemas of a map, which a test may change; until the test ends. Returns its URL. */
export async function standInRegistry(schemas: ReadonlyMap<number, string>): Promise<string> {
  const server = createServer(({ url = '' }, response) => {
    const schema = schemas.get(Number(/^\/schemas\/ids\/(\d+)$/.exec(url)?.[1]));
    response.writeHead(schema === undefined ? 404 : 200, { 'content-type': 'application/json' });
    response.end(JSON.stringify(schema === undefined ? { error_code: 40403, message: 'not found' } : { schema }));
  });
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve));
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}
