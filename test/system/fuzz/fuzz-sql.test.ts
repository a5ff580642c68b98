import { expect, test } from '@jest/globals';
import { runSqlFuzz } from './sql';

const SEED = 20260302;

test('no generated statement at the read-only address sees a file, the environment or a server', async () => {
  const said: string[] = [];
  const report = await runSqlFuzz({ seed: SEED, count: 700, say: (text) => void said.push(text) });
  expect(report).toMatchObject({ seed: SEED, statements: 700, leaks: [] });
  expect(report.controls).toEqual(['file', 'table', 'environment', 'server', 'request']);
  expect(report.answered).toBeGreaterThan(0);
  expect(report.refused).toBeGreaterThan(300);
});
