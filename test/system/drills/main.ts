import { createSay, numberFlag, runScript, script } from '../../support/processes/script';
import { runDrills } from './run';

interface Flags {
  readonly only?: readonly string[];
  readonly seed: number;
}

const { only, seed } = script(
  'drills',
  'Carries out each outage on a running system, and checks what an operator sees. Ends with 0 only if every drill ran ' +
    'and showed what the runbook says.',
)
  .option('--only <name...>', 'carries out these drills only')
  .option('--seed <n>', 'the same number gives the same run', numberFlag, 1)
  .parse()
  .opts<Flags>();

async function main(): Promise<void> {
  const say = createSay();
  const { drills, notRun, withinObjective, comparison } = await runDrills({
    seed,
    ...(only === undefined ? {} : { only }),
    say,
  });
  process.stdout.write(`${JSON.stringify({ drills, notRun, withinObjective, comparison }, null, 2)}\n`);
  const failed = drills.filter(({ problems }) => problems.length > 0).length;
  say(`${drills.length - failed} as the runbook says, ${failed} not, ${notRun.length} not run`);
  const differs = (comparison?.differences ?? []).length > 0;
  if (failed > 0 || notRun.length > 0 || differs) process.exitCode = 1;
}

runScript(main);
