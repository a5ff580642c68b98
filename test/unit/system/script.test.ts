import { afterEach, describe, expect, jest, test } from '@jest/globals';
import { Option } from 'commander';
import { numberFlag, script, seedFlag } from '../../support/processes/script';

const tool = () =>
  script('tool', 'Does something.')
    .option('--count <n>', 'how many', numberFlag, 7)
    .addOption(new Option('--part <part>', 'one part only').choices(['left', 'right']))
    .addOption(seedFlag());

/** What the script prints, and the code with which it ends. */
function outcomeOf(...args: readonly string[]): { readonly code: unknown; readonly printed: string } {
  const printed: string[] = [];
  const write = (text: string | Uint8Array): boolean => printed.push(String(text)) > 0;
  jest.spyOn(process.stdout, 'write').mockImplementation(write);
  jest.spyOn(process.stderr, 'write').mockImplementation(write);
  const exit = jest.spyOn(process, 'exit').mockImplementation(() => {
    throw new Error('the process ends here');
  });
  expect(() => tool().parse(args, { from: 'user' })).toThrow('the process ends here');
  return { code: exit.mock.calls[0]?.[0], printed: printed.join('') };
}

afterEach(() => {
  jest.restoreAllMocks();
});

describe('a script of npm run', () => {
  test('reads its flags', () => {
    const values = tool().parse(['--count', '12', '--part', 'left'], { from: 'user' }).opts<Record<string, unknown>>();
    expect(values).toEqual({ count: 12, part: 'left', seed: expect.any(Number) });
  });

  test('prints its flags and their defaults with --help', () => {
    const { code, printed } = outcomeOf('--help');
    expect(code).toBe(0);
    expect(printed).toMatch(/^Usage: npm run tool -- .*Does something\..*--count <n> +how many \(default: 7\)/s);
    expect(printed).toMatch(/--part <part> .*choices: "left", "right".*--seed <n> .*another one each\s+time/s);
  });

  test.each([
    [['--cuont', '12'], /^tool: unknown option '--cuont'\n.*--count.*\nRun `npm run tool -- --help`/s],
    [
      ['--count', 'many'],
      /^tool: option '--count <n>' argument 'many' is invalid\. Give a number of 0 or more\.\nRun `npm/,
    ],
    [['--count', '-1'], /^tool: option '--count <n>' argument '-1' is invalid\./],
    [
      ['--part', 'middle'],
      /^tool: option '--part <part>' argument 'middle' is invalid\. Allowed choices are left, right\./,
    ],
    [['everything'], /^tool: too many arguments\. Expected 0 arguments but got 1/],
  ])('refuses %j with the flag, the value and the remedy, and ends with 2', (args, message) => {
    expect(outcomeOf(...args)).toEqual({ code: 2, printed: expect.stringMatching(message) });
  });
});
