import { messageOf } from '../../../src/common';
import { acquireDataDir } from '../../../src/embedded/lock';

/** Takes the data directory and keeps it until it is killed. */
acquireDataDir(process.argv[2] ?? '').then(
  () => {
    process.stdout.write('taken\n');
    setInterval(() => undefined, 1_000);
  },
  (error: unknown) => {
    process.stdout.write(`${messageOf(error)}\n`);
  },
);
