import { CommanderError } from 'commander';
import { processIo } from '../common';
import { createProgram } from './program';

const WRONG_USAGE = 2;

// Before anything uses libuv's pool: the embedded ClickHouse wants POOL_THREADS (src/embedded/clickhouse/clickhouse.ts).
process.env['UV_THREADPOOL_SIZE'] ??= '16';

async function main(): Promise<number> {
  const io = processIo();
  // `queuefold --help | head`: commander writes whether or not somebody reads.
  io.stdout.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code !== 'EPIPE') throw error;
  });
  let code = 0;
  const program = createProgram(async (kind, globals, body) => {
    const { execute } = await import('./execute.js');
    code = await execute(kind, globals, body, io);
  });
  try {
    await program.parseAsync(process.argv);
  } catch (error) {
    if (!(error instanceof CommanderError)) throw error;
    return error.exitCode === 0 ? 0 : WRONG_USAGE;
  }
  return code;
}

// If the event loop gets empty before the command has ended, that is a failure.
process.exitCode = 1;
void main().then((code) => {
  process.exitCode = code;
  // Without waiting for the loop to get empty, because an idle connection of some client must not keep the process.
  process.stdout.write('', () => process.exit());
});
