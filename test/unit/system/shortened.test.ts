import { expect, test } from '@jest/globals';
import { shortened } from '../../system/drills/shortened';

test('every duration of a rule becomes shorter, and nothing else', () => {
  const rule = [
    'for: 5m',
    'expr: increase(a_total[15m]) > 10 and deriv(sum(b)[1h:1m]) > 0',
    'expr: time() - min by (stage) (c_timestamp_seconds) > 120',
    'description: for 5 minutes',
  ];
  expect(shortened(rule.join('\n'), 10).split('\n')).toEqual([
    'for: 30s',
    'expr: increase(a_total[90s]) > 10 and deriv(sum(b)[360s:6s]) > 0',
    'expr: time() - min by (stage) (c_timestamp_seconds) > 12',
    'description: for 5 minutes',
  ]);
});
