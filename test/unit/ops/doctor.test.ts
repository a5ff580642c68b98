import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, describe, expect, test } from '@jest/globals';
import { checkHttpPort, checkProcess, processFacts, type ProcessFacts } from '../../../src/ops/process-doctor';

const MIB = 1024 * 1024;
const FACTS: ProcessFacts = {
  node: '20.19.0',
  memoryLimitBytes: 1024 * MIB,
  heapLimitBytes: 512 * MIB,
  openFiles: 1024,
};

const look = (facts: Partial<ProcessFacts>) =>
  checkProcess({ ...FACTS, ...facts }).filter(({ outcome }) => outcome !== 'ok');

describe('the process', () => {
  test('as this test runs in is well enough to run it', () => {
    expect(checkProcess(processFacts()).filter(({ outcome }) => outcome === 'failed')).toEqual([]);
    expect(look({})).toEqual([]);
    expect(look({ memoryLimitBytes: null, heapLimitBytes: 4096 * MIB })).toEqual([]);
  });

  test.each([
    [{ node: '20.18.3' }, 'failed', 'Install Node.js 20.19 or later.'],
    [{ node: '18.20.0' }, 'failed', 'Install Node.js 20.19 or later.'],
    [{ memoryLimitBytes: 256 * MIB, heapLimitBytes: 128 * MIB }, 'warning', 'Give each process at least 512 MiB.'],
    [{ heapLimitBytes: 2048 * MIB }, 'warning', 'Set NODE_OPTIONS=--max-old-space-size=717.'],
    [{ openFiles: 256 }, 'warning', 'Raise it to 1024 (ulimit -n).'],
  ])('with %j is %s: %s', (facts, outcome, remedy) => {
    expect(look(facts)).toEqual([expect.objectContaining({ outcome, remedy })]);
  });
});

describe('the port of metrics and health', () => {
  const stops: (() => Promise<void>)[] = [];
  afterEach(async () => {
    for (const stop of stops.splice(0)) await stop();
  });

  async function serving(body: string): Promise<number> {
    const server = createServer((_request, response) => response.end(body));
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    stops.push(() => new Promise((resolve) => server.close(() => resolve())));
    return (server.address() as AddressInfo).port;
  }

  test('is free, or a free one is taken', async () => {
    const port = await serving('');
    await stops.pop()?.();
    expect(await checkHttpPort({ host: '127.0.0.1', port })).toMatchObject({
      outcome: 'ok',
      detail: `127.0.0.1:${port} is free`,
    });
    expect(await checkHttpPort({ host: '127.0.0.1', port: 0 })).toMatchObject({ outcome: 'ok' });
  });

  test('taken by something else has to be another one', async () => {
    const port = await serving('Hello');
    expect(await checkHttpPort({ host: '127.0.0.1', port })).toMatchObject({
      outcome: 'failed',
      detail: `another program uses 127.0.0.1:${port}`,
      remedy: 'Set HTTP_PORT to another one, or to 0 for a free one.',
    });
  });

  test('used by a running role is as it should be', async () => {
    const port = await serving('queuefold_build_info{version="1"} 1\n');
    expect(await checkHttpPort({ host: '127.0.0.1', port })).toMatchObject({ outcome: 'ok' });
  });

  test('at an address that is not this machine’s is told', async () => {
    expect(await checkHttpPort({ host: '192.0.2.1', port: 9464 })).toMatchObject({ outcome: 'failed' });
  });
});
