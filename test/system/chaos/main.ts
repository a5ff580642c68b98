import { tmpdir } from 'node:os';
import { parseArgs } from 'node:util';
import { messageOf } from '../../../src/common';
import { numberOf } from '../../support/processes/number-flag';
import { stormMain } from '../storm/main';
import { runChaos } from './chaos';

/** `npm run chaos -- --minutes N --seed S`: about 500 events a second. With `--storm`: @see stormMain */
async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      minutes: { type: 'string' },
      seed: { type: 'string' },
      storm: { type: 'boolean' },
      factor: { type: 'string', default: '1' },
      out: { type: 'string', default: tmpdir() },
    },
  });
  const minutes = numberOf('--minutes', values.minutes ?? '5');
  const seed = numberOf('--seed', values.seed ?? String(Date.now() % 2 ** 31));
  const started = Date.now();
  const say = (text: string) =>
    void process.stderr.write(`${((Date.now() - started) / 1_000).toFixed(1).padStart(7)} s  ${text}\n`);
  say(`seed ${seed}`);
  const interrupt = new AbortController();
  for (const name of ['SIGINT', 'SIGTERM'] as const) process.once(name, () => interrupt.abort());
  const { signal } = interrupt;
  if (values.storm === true) {
    const { factor, out } = values;
    await stormMain({ seed, seconds: minutes * 60, factor, out, say, signal });
    return;
  }
  const result = await runChaos({ seed, minutes, kills: 10, conversationsPerSecond: 4, speed: 10, say, signal });
  const { differences, faults, ...counts } = result;
  process.stdout.write(`${JSON.stringify({ ...counts, faults: faults.length, differences: differences.length })}\n`);
  for (const difference of differences) process.stdout.write(`${difference}\n`);
  if (differences.length > 0) process.exitCode = 1;
}

main().catch((error: unknown) => {
  process.stderr.write(`${error instanceof Error ? (error.stack ?? error.message) : messageOf(error)}\n`);
  process.exit(1);
});
