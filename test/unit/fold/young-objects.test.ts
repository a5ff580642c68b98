import { execFileSync } from 'node:child_process';
import { expect, test } from '@jest/globals';
import { NO_PRETENURING } from '../../../src/fold/young-objects';

test('this Node.js knows the option that keeps objects young', () => {
  const run = (option: string) =>
    execFileSync(process.execPath, [option, '--print', '1'], { stdio: 'pipe' }).toString();
  expect(run(NO_PRETENURING)).toBe('1\n');
  expect(() => run(`${NO_PRETENURING}x`)).toThrow(/bad option/);
});
