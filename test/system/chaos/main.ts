import { tmpdir } from 'node:os';
import { createSay, numberFlag, runScript, script, seedFlag } from '../../support/processes/script';
import { stormMain } from '../storm/main';
import { runChaos } from './chaos';

interface Flags {
  readonly minutes: number;
  readonly seed: number;
  readonly storm?: true;
  readonly standby?: true;
  readonly factor: number;
  readonly out: string;
}

const { minutes, seed, storm, standby, factor, out } = script(
  'chaos',
  'Kills and freezes processes and brokers at random moments, while about 500 events a second arrive. Then compares ' +
    'every record with those of an undisturbed fold.',
)
  .option('--minutes <n>', 'how long the faults last', numberFlag, 5)
  .addOption(seedFlag())
  .option('--storm', 'causes one fault every four seconds, and checks how long partitions pause')
  .option('--standby', 'storm: with FOLD_STANDBY=on')
  .option('--factor <n>', 'storm: multiplies the times that are allowed, for a busy machine', numberFlag, 1)
  .option('--out <folder>', 'storm: the folder for the time line, as storm.txt and storm.svg', tmpdir())
  .parse()
  .opts<Flags>();

/** With `--storm`: @see stormMain */
async function main(): Promise<void> {
  const say = createSay();
  say(`seed ${seed}`);
  const interrupt = new AbortController();
  for (const name of ['SIGINT', 'SIGTERM'] as const) process.once(name, () => interrupt.abort());
  const { signal } = interrupt;
  if (storm === true) {
    await stormMain({
      seed,
      seconds: minutes * 60,
      standby: standby === true ? 'on' : 'off',
      factor,
      out,
      say,
      signal,
    });
    return;
  }
  const result = await runChaos({ seed, minutes, kills: 10, conversationsPerSecond: 4, speed: 10, say, signal });
  const { differences, faults, ...counts } = result;
  process.stdout.write(`${JSON.stringify({ ...counts, faults: faults.length, differences: differences.length })}\n`);
  for (const difference of differences) process.stdout.write(`${difference}\n`);
  if (differences.length > 0) process.exitCode = 1;
}

runScript(main);
