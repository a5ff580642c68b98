import { once } from 'node:events';
import { createServer, type AddressInfo } from 'node:net';
import { expect, test } from '@jest/globals';
import { startKafka } from '../../../src/embedded/kafka';
import { freePorts } from '../../../src/embedded/ports';
import { temporaryFolders } from '../../support/files/folders';

const newFolder = temporaryFolders();

test('a Kafka whose remembered port is taken starts on another one and says so to clients, and also says when it dies', async () => {
  const dataDir = await newFolder();
  const first = await startKafka({ dataDir, heapMb: 256 });
  await first.stop();
  const [, port = ''] = (first.brokers[0] ?? '').split(':');
  const squatter = createServer().listen({ host: '127.0.0.1', port: Number(port) });
  await once(squatter, 'listening');

  const second = await startKafka({ dataDir, heapMb: 256 });
  expect(second.brokers).not.toEqual(first.brokers);
  squatter.close();

  process.kill(second.pid, 'SIGKILL');
  expect((await second.ended)?.message).toMatch(/^Kafka: ended unexpectedly \(SIGKILL\)/);
  await second.stop();
});

test('a Kafka that ends while starting is explained with the end of its log, and frees its folder', async () => {
  const dataDir = await newFolder();
  const start = () => startKafka({ dataDir, heapMb: 256, overrides: { 'num.io.threads': 0 } });
  await expect(start()).rejects.toThrow(/^Kafka: .*num\.io\.threads/s);
  await expect(start()).rejects.toThrow(/num\.io\.threads/); // not: in use
});

test('a Kafka that cannot have its port, even after another try with other ports, says so', async () => {
  const squatter = createServer().listen({ host: '127.0.0.1', port: 0 });
  await once(squatter, 'listening');
  const { port } = squatter.address() as AddressInfo;
  const [controller = 0] = await freePorts(1);
  const overrides = {
    listeners: `PLAINTEXT://127.0.0.1:${port},CONTROLLER://127.0.0.1:${controller}`,
    'controller.quorum.voters': `1@127.0.0.1:${controller}`,
  };
  const start = startKafka({ dataDir: await newFolder(), heapMb: 256, overrides });
  await expect(start).rejects.toThrow(
    /^Kafka: ended while starting .*another process has taken a port.*Address already in use/s,
  );
  squatter.close();
});
