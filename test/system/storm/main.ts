import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { problemsOf } from './bounds';
import { runStorm } from './storm';

export interface StormFlags {
  readonly seed: number;
  readonly seconds: number;
  /** @see StormStageOptions */
  readonly standby: 'on' | 'off';
  /** Of the bounds: 1 on a machine of its own. */
  readonly factor: number;
  /** Gets the time line as text and as SVG. */
  readonly out: string;
  readonly say: (text: string) => void;
  readonly signal: AbortSignal;
}

/** `npm run chaos -- --storm`: prints what the storm cost, and fails where a bound is exceeded or a record differs. */
export async function stormMain({ factor, out, ...flags }: StormFlags): Promise<void> {
  const result = await runStorm({ ...flags, conversationsPerSecond: 0.5, speed: 10 });
  const { text, svg, differences, needless, ...counts } = result;
  await writeFile(join(out, 'storm.txt'), text);
  await writeFile(join(out, 'storm.svg'), svg);
  process.stdout.write(
    `${text}\n${JSON.stringify({ ...counts, differences: differences.length, needless: needless.length })}\n`,
  );
  const problems = [...differences, ...problemsOf(result, factor)];
  for (const problem of problems) process.stdout.write(`${problem}\n`);
  if (problems.length > 0) process.exitCode = 1;
}
