import { parseArgs } from 'node:util';
import { messageOf } from '../../src/common/errors';
import { numberOf } from '../support/number-flag';
import { runDrills } from './perform';

/** `npm run drills [-- --only NAME …] [--seed S]`: each fault of a running system, and what an operator sees of it. */
async function main(): Promise<void> {
  const { values } = parseArgs({ options: { only: { type: 'string', multiple: true }, seed: { type: 'string' } } });
  const started = Date.now();
  const say = (text: string) =>
    void process.stderr.write(`${((Date.now() - started) / 1_000).toFixed(1).padStart(7)} s  ${text}\n`);
  const { drills, withinObjective, comparison } = await runDrills({
    seed: numberOf('--seed', values.seed ?? '1'),
    ...(values.only === undefined ? {} : { only: values.only }),
    say,
  });
  process.stdout.write(`${JSON.stringify({ drills, withinObjective, comparison }, null, 2)}\n`);
  const isWell = drills.every(({ problems }) => problems.length === 0) && comparison.differences.length === 0;
  if (!isWell) process.exitCode = 1;
}

main().catch((error: unknown) => {
  process.stderr.write(`${error instanceof Error ? (error.stack ?? error.message) : messageOf(error)}\n`);
  process.exit(1);
});
