import { join } from 'node:path';
import { expect, test } from '@jest/globals';
import { OperatorError } from '../../../src/common';
import { endsWithin, identify } from '../../../src/embedded/identity';
import { startKafka } from '../../../src/embedded/kafka';
import { temporaryFolders } from '../../support/files/folders';
import { runTypeScript } from '../../support/processes/run-typescript';

const newFolder = temporaryFolders();

test('a Kafka ends with its killed parent, and the next start has the folder and the port', async () => {
  const dataDir = await newFolder();
  const parent = runTypeScript(join(__dirname, 'hold-kafka.ts'), [dataDir]);
  const { pid, brokers } = JSON.parse(await parent.firstLine) as { pid: number; brokers: string[] };
  const jvm = await identify(pid);
  if (jvm === undefined) throw new Error('Kafka is not running');

  // While it runs, a second start is refused and told who has the folder.
  const second = await startKafka({ dataDir }).catch((error: unknown) => error);
  expect(second).toBeInstanceOf(OperatorError);
  expect(String(second)).toContain(`in use by process ${parent.process.pid ?? 0}`);
  expect(String(second)).toContain(dataDir);

  parent.process.kill('SIGKILL');
  expect(await endsWithin(jvm, 60_000)).toBe(true);

  const next = await startKafka({ dataDir, heapMb: 256 });
  expect(next.brokers).toEqual(brokers);
  await next.stop();
});
