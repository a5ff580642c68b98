import { createServer, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { expect, test } from '@jest/globals';
import pino from 'pino';
import { createRegistrySchemas } from '../../../src/log/codec/registry';

test('a registry that takes a request and never answers is asked again', async () => {
  const silent: ServerResponse[] = [];
  const server = createServer((_, response) => {
    if (silent.length < 2) {
      silent.push(response);
      return;
    }
    response.setHeader('content-type', 'application/json');
    response.end(JSON.stringify({ schema: '{"type":"record","name":"r","fields":[]}' }));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  try {
    const { port } = server.address() as AddressInfo;
    const url = `http://127.0.0.1:${port}`;
    const schemas = createRegistrySchemas({ url, logger: pino({ enabled: false }), requestMs: 200 });
    expect((await schemas.writerOf(7))?.toString()).toBe('"r"');
    expect(silent).toHaveLength(2);
  } finally {
    server.closeAllConnections();
    server.close();
  }
});
