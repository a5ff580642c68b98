import { Option } from 'commander';
import { createSay, numberFlag, runScript, script, seedFlag } from '../../support/processes/script';
import { runClientSoak } from './client';
import { runKafkaAway } from './kafka-away';
import { runScale } from './scale';
import { runSoak } from './soak';

interface Flags {
  readonly minutes: number;
  readonly seed: number;
  readonly accelerated?: true;
  readonly scale?: true;
  readonly client?: true;
  readonly kafkaAway?: number;
}

const flags = script(
  'soak',
  'Runs the bridge against the simulated organization, with faults, under the limits of Genesys: 2 conversations a ' +
    'second. Then compares every row. Other flags choose another run.',
)
  .option('--minutes <n>', 'how long it lasts', numberFlag, 5)
  .addOption(seedFlag())
  .option('--accelerated', 'clock and limits are ten times as fast')
  .addOption(
    new Option('--scale', 'another run: a bridge starts on 5,000 queues and 100,000 conversations').conflicts([
      'client',
      'kafkaAway',
    ]),
  )
  .addOption(
    new Option(
      '--client',
      'another run: the client’s table, while three brokers are killed and restarted and its topic is recreated',
    ).conflicts('kafkaAway'),
  )
  .option('--kafka-away <seconds>', 'another run: Kafka is killed under load, and comes back', numberFlag)
  .parse()
  .opts<Flags>();

async function main(): Promise<void> {
  const { minutes, seed } = flags;
  const acceleration = flags.accelerated === true ? 10 : 1;
  const say = createSay();
  if (flags.scale === true) {
    process.stdout.write(`${JSON.stringify(await runScale(say), null, 2)}\n`);
    return;
  }
  say(`seed ${seed}`);
  if (flags.client === true) {
    const result = await runClientSoak({ seed, minutes, say });
    process.stdout.write(`${JSON.stringify(result, null, 2)}\n`);
    if (result.differences.length > 0) process.exitCode = 1;
    return;
  }
  if (flags.kafkaAway !== undefined) {
    const result = await runKafkaAway({ seed, awaySeconds: flags.kafkaAway, say });
    process.stdout.write(`${JSON.stringify(result, null, 2)}\n`);
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

runScript(main);
