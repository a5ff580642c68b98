import { parseArgs } from 'node:util';
import { messageOf } from '../../../src/common';
import { numberOf } from '../../support/processes/number-flag';
import { runClientSoak } from './client';
import { runKafkaAway } from './kafka-away';
import { runScale } from './scale';
import { runSoak } from './soak';

/**
 * `npm run soak -- --minutes N --seed S [--accelerated]`: 2 conversations a second under the real limits, or 20 with
 * clock and limits accelerated tenfold. `npm run soak -- --scale`: a bridge that starts on 5,000 queues and 100,000
 * conversations, which takes as long as the limit of requests makes it. `--kafka-away SECONDS`: Kafka is killed under load
 * and comes back. `--client --minutes N`: the client's table, while three brokers are killed,
 * restarted and lead in turn, and its topic is recreated.
 */
async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      ...{ minutes: { type: 'string' }, seed: { type: 'string' } },
      ...{ accelerated: { type: 'boolean' }, scale: { type: 'boolean' }, 'kafka-away': { type: 'string' } },
      client: { type: 'boolean' },
    },
  });
  const minutes = numberOf('--minutes', values.minutes ?? '5');
  const seed = numberOf('--seed', values.seed ?? String(Date.now() % 2 ** 31));
  const acceleration = values.accelerated === true ? 10 : 1;
  const started = Date.now();
  const say = (text: string) =>
    void process.stderr.write(`${((Date.now() - started) / 1_000).toFixed(1).padStart(7)} s  ${text}\n`);
  if (values.scale === true) {
    process.stdout.write(`${JSON.stringify(await runScale(say), null, 2)}\n`);
    return;
  }
  say(`seed ${seed}`);
  if (values.client === true) {
    const result = await runClientSoak({ seed, minutes, say });
    process.stdout.write(`${JSON.stringify(result, null, 2)}\n`);
    if (result.differences.length > 0) process.exitCode = 1;
    return;
  }
  if (values['kafka-away'] !== undefined) {
    const awaySeconds = numberOf('--kafka-away', values['kafka-away']);
    process.stdout.write(`${JSON.stringify(await runKafkaAway({ seed, awaySeconds, say }), null, 2)}\n`);
    return;
  }
  const interrupt = new AbortController();
  for (const name of ['SIGINT', 'SIGTERM'] as const) process.once(name, () => interrupt.abort());
  const { signal } = interrupt;
  const { differences, ...result } = await runSoak({
    ...{ seed, minutes, acceleration, conversationsPerSecond: 2, say, signal },
  });
  process.stdout.write(`${JSON.stringify({ acceleration, ...result, differences: differences.length }, null, 2)}\n`);
  for (const difference of differences) process.stdout.write(`${JSON.stringify(difference)}\n`);
  if (differences.length > 0 || result.breaches.length > 0) process.exitCode = 1;
}

main().catch((error: unknown) => {
  process.stderr.write(`${error instanceof Error ? (error.stack ?? error.message) : messageOf(error)}\n`);
  process.exit(1);
});
