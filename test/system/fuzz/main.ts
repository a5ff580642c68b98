import { Option } from 'commander';
import { numberFlag, runScript, script, seedFlag } from '../../support/processes/script';
import { runInputFuzz } from './input';
import { runSqlFuzz } from './sql';

interface Flags {
  readonly input?: true;
  readonly sql?: true;
  readonly count?: number;
  readonly seed: number;
}

const command = script('fuzz', 'Tries generated input. Choose --input or --sql.')
  .addOption(
    new Option('--input', 'sends generated and damaged lines and records through intake, fold and sink').conflicts(
      'sql',
    ),
  )
  .option('--sql', 'sends generated statements to the read-only address of the embedded ClickHouse')
  .option('--count <n>', 'how many (default: 10,000,000 inputs, 10,000 statements)', numberFlag)
  .addOption(seedFlag())
  .parse();

async function main(): Promise<void> {
  const { input, sql, count, seed } = command.opts<Flags>();
  const say = (text: string) => void process.stderr.write(`${text}\n`);
  if (input === true) {
    const report = await runInputFuzz({ seed, count: count ?? 10_000_000, say });
    process.stdout.write(`${JSON.stringify(report)}\n`);
    process.exit(0);
  }
  if (sql !== true) command.error('error: nothing to try. Give --input or --sql.');
  const report = await runSqlFuzz({ seed, count: count ?? 10_000, say });
  process.stdout.write(`${JSON.stringify(report)}\n`);
  process.exit(report.leaks.length === 0 ? 0 : 1);
}

runScript(main);
