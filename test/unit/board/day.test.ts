import { expect, test } from '@jest/globals';
import { dayStartIn } from '../../../src/board/day';

const at = (iso: string): number => Date.parse(iso);

test.each([
  ['UTC', '2026-03-02T00:00:00.000Z', '2026-03-02T00:00:00.000Z'],
  ['UTC', '2026-03-02T23:59:59.999Z', '2026-03-02T00:00:00.000Z'],
  ['Europe/Berlin', '2026-03-02T23:30:00.000Z', '2026-03-02T23:00:00.000Z'],
  ['America/New_York', '2026-03-02T03:00:00.000Z', '2026-03-01T05:00:00.000Z'],
  ['Asia/Kathmandu', '2026-03-02T00:00:00.000Z', '2026-03-01T18:15:00.000Z'],
  // The clocks change on that day: the offset at midnight is another one than at noon.
  ['Europe/Berlin', '2026-03-29T10:00:00.000Z', '2026-03-28T23:00:00.000Z'],
  ['Europe/Berlin', '2026-10-25T12:00:00.000Z', '2026-10-24T22:00:00.000Z'],
  // There is no midnight on that day: the clocks go from 23:59:59 to 1:00.
  ['America/Santiago', '2026-09-06T15:00:00.000Z', '2026-09-06T04:00:00.000Z'],
  ['America/Santiago', '2026-09-06T03:59:59.999Z', '2026-09-05T04:00:00.000Z'],
])('in %s the day of %s began at %s', (zone, now, midnight) => {
  expect(new Date(dayStartIn(zone)(at(now))).toISOString()).toBe(midnight);
});
