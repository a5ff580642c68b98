// Run by orphan.test.ts in a process of its own, to be killed. Argument: data directory.
import { startKafka } from '../../../src/embedded/kafka';

const [, , dataDir = ''] = process.argv;
startKafka({ dataDir, heapMb: 256 }).then(
  ({ pid, brokers }) => console.log(JSON.stringify({ pid, brokers })),
  (error: unknown) => {
    console.error(String(error));
    process.exitCode = 1;
  },
);
