import { CommanderError } from 'commander';
import { processIo } from '../common';
import { createProgram } from './program';

const WRONG_USAGE = 2;

// Before anything uses libuv's pool: the embedded ClickHouse wants POOL_THREADS (src/embedded/clickhouse/clickhouse.ts).
process.env['UV_THREADPOOL_SIZE'] ??= '16';

async function main(): Promise<number> {
  const io = processIo();
  // `queuefold --help | head`: commander writes whether somebody reads or not.
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

// Whatever empties the event loop before the command has ended is a failure.
process.exitCode = 1;
void main().then((code) => {
  process.exitCode = code;
  // Not waiting for the loop to empty: an idle connection of some client must not keep the process.
  process.stdout.write('', () => process.exit());
});
