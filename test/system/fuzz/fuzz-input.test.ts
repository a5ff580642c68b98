import { expect, test } from '@jest/globals';
import { runInputFuzz } from './input';

/** The long run is `npm run fuzz -- --input`. */
test('whatever comes in, nothing crashes, invalid input becomes dead letters, and a good conversation behind it passes', async () => {
  const report = await runInputFuzz({ count: 5_000, seed: 7 });
  expect(report.inputs).toBeGreaterThanOrEqual(5_000);
  expect(report.lines.event).toBeGreaterThan(500);
  expect(report.lines.invalid).toBeGreaterThan(500);
  expect(report.records.invalid).toBeGreaterThan(500);
  expect(report.stateRecords.invalid).toBeGreaterThan(5);
});
