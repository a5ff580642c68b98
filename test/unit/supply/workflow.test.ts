import { readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from '@jest/globals';
import { parse } from 'yaml';
import { packageRoot } from '../../../src/common';

interface Job {
  readonly 'timeout-minutes'?: number | string;
  readonly strategy?: { readonly matrix: { readonly include?: readonly { part: string; minutes: number }[] } };
  readonly steps: readonly { uses?: string; run?: string }[];
}
interface Workflow {
  readonly permissions: Readonly<Record<string, string>>;
  readonly jobs: Readonly<Record<string, Job>>;
}

const folder = join(packageRoot(), '.github', 'workflows');
const read = (name: string) => parse(readFileSync(join(folder, name), 'utf8')) as Workflow;
const script = readFileSync(join(packageRoot(), '.ci', 'run'), 'utf8');
const parts = [...script.matchAll(/^part_(\w+)\(\)/gm)].map(([, name = '']) => name.replaceAll('_', '-'));

/** The parts of .ci/run that a workflow runs: those of its matrix, and those that a step names. */
function partsOf({ jobs }: Workflow): readonly string[] {
  return Object.values(jobs).flatMap(({ strategy, steps }) => [
    ...(strategy?.matrix.include ?? []).map(({ part }) => part),
    ...steps.flatMap(({ run }) => /^bash \.ci\/run ([a-z][a-z0-9-]*)$/.exec(run ?? '')?.[1] ?? []),
  ]);
}

test('the workflows run each part of .ci/run, and nothing else', () => {
  // On GitHub a job for each Node, and integration and e2e in jobs of their own.
  const notThere = ['later-nodes', 'services'];
  const wanted = parts.filter((part) => !notThere.includes(part)).sort();
  expect([...new Set(readdirSync(folder).flatMap((name) => partsOf(read(name))))].sort()).toEqual(wanted);
});

describe.each(readdirSync(folder))('workflow %s', (name) => {
  const text = readFileSync(join(folder, name), 'utf8');
  const { permissions, jobs } = read(name);
  const steps = Object.values(jobs).flatMap((job) => job.steps);

  test('does what .ci/run does, and nothing of its own', () => {
    for (const run of steps.flatMap((step) => step.run ?? [])) expect(run).toMatch(/^bash \.ci\/run (unit|"\$PART")$/);
  });

  test('ends each job in time', () => {
    for (const { strategy, 'timeout-minutes': minutes } of Object.values(jobs)) {
      if (typeof minutes === 'number') expect(minutes).toBeLessThanOrEqual(60);
      else expect(strategy?.matrix.include?.every((each) => each.minutes > 0)).toBe(true);
    }
  });

  test('pins each action to a commit, with its version beside it', () => {
    const lines = text.split('\n').filter((line) => line.includes('uses:'));
    expect(lines).toHaveLength(steps.filter(({ uses }) => uses !== undefined).length);
    for (const line of lines) expect(line).toMatch(/uses: [\w-]+\/[\w-]+@[\da-f]{40} # v\d+\.\d+\.\d+$/);
  });

  test('may only read the repository', () => {
    expect(permissions).toEqual({ contents: 'read' });
  });
});
