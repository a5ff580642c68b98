import { parseArgs } from 'node:util';
import { messageOf } from '../../../src/common';
import { numberOf } from '../../support/processes/number-flag';
import { runDrills } from './run';

/**
 * `npm run drills [-- --only NAME …] [--seed S]`: each fault of a running system, and what an operator sees of it. Exit 0
 * only if all of them were run, and seen.
 */
async function main(): Promise<void> {
  const { values } = parseArgs({ options: { only: { type: 'string', multiple: true }, seed: { type: 'string' } } });
  const started = Date.now();
  const say = (text: string) =>
    void process.stderr.write(`${((Date.now() - started) / 1_000).toFixed(1).padStart(7)} s  ${text}\n`);
  const { drills, notRun, withinObjective, comparison } = await runDrills({
    seed: numberOf('--seed', values.seed ?? '1'),
    ...(values.only === undefined ? {} : { only: values.only }),
    say,
  });
  process.stdout.write(`${JSON.stringify({ drills, notRun, withinObjective, comparison }, null, 2)}\n`);
  const failed = drills.filter(({ problems }) => problems.length > 0).length;
  say(`${drills.length - failed} as the runbook tells, ${failed} not, ${notRun.length} not run`);
  const differs = (comparison?.differences ?? []).length > 0;
  if (failed > 0 || notRun.length > 0 || differs) process.exitCode = 1;
}

main().catch((error: unknown) => {
  process.stderr.write(`${error instanceof Error ? (error.stack ?? error.message) : messageOf(error)}\n`);
  process.exit(1);
});
