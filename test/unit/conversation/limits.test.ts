import { describe, expect, test } from '@jest/globals';
import { isDeeperThan } from '../../../src/conversation/limits';

const nested = (levels: number): string => '[{"a":'.repeat(levels / 2) + '1' + '}]'.repeat(levels / 2);

describe('how deeply JSON is nested', () => {
  test.each([
    ['as deeply as it may be', nested(500), false],
    ['two levels more', nested(502), true],
    ['many objects side by side', `[${'{},'.repeat(2_000)}{}]`, false],
    ['brackets within a text', JSON.stringify({ text: '[{"'.repeat(2_000) }), false],
    ['brackets within a text, and levels behind it', `[${JSON.stringify('[{'.repeat(300))},${nested(500)}]`, true],
    ['no JSON', '['.repeat(501), true],
    ['no JSON, less deeply', '['.repeat(500) + ' '.repeat(500), false],
  ])('%s', (_, json, expected) => expect(isDeeperThan(500, Buffer.from(json))).toBe(expected));
});
