import { parseArgs } from 'node:util';
import { messageOf } from '../../../src/common';
import { numberOf } from '../../support/processes/number-flag';
import { runInputFuzz } from './input';
import { runSqlFuzz } from './sql';

/** `npm run fuzz -- --sql|--input [--count N] [--seed S]` */
async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      sql: { type: 'boolean' },
      input: { type: 'boolean' },
      count: { type: 'string' },
      seed: { type: 'string' },
    },
  });
  const seed = numberOf('--seed', values.seed ?? String(Date.now() % 2 ** 31));
  const say = (text: string) => void process.stderr.write(`${text}\n`);
  if (values.input === true) {
    const input = await runInputFuzz({ seed, count: numberOf('--count', values.count ?? '10000000'), say });
    process.stdout.write(`${JSON.stringify(input)}\n`);
    process.exit(0);
  }
  if (values.sql !== true) throw new Error('what is to be fuzzed? --sql or --input');
  const report = await runSqlFuzz({ seed, count: numberOf('--count', values.count ?? '10000'), say });
  process.stdout.write(`${JSON.stringify(report)}\n`);
  process.exit(report.leaks.length === 0 ? 0 : 1);
}

main().catch((error: unknown) => {
  process.stderr.write(`${error instanceof Error ? (error.stack ?? error.message) : messageOf(error)}\n`);
  process.exit(1);
});
