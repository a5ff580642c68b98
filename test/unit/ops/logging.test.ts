import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { createLogging, type LoggingOptions } from '../../../src/ops/logging';

function aLog(options: Partial<LoggingOptions> = {}) {
  let written = '';
  const write = (line: string) => {
    written += line;
  };
  const logging = createLogging({ level: 'info', format: 'json', secrets: [], write, ...options });
  return { ...logging, text: () => written };
}

describe('JSON lines', () => {
  test('have level, time and fields; below the level there are none', () => {
    const { logger, text } = aLog();
    logger.debug('hidden');
    logger.info({ partition: 3 }, 'restored');
    const line = JSON.parse(text()) as Record<string, unknown>;
    expect(line).toMatchObject({ level: 'info', partition: 3, msg: 'restored' });
    expect(line['time']).toMatch(/^\d{4}-\d\d-\d\dT.*Z$/);
    expect(text().endsWith('\n')).toBe(true);
  });

  test('can be sent elsewhere for a while', () => {
    const { logger, redirect, text } = aLog();
    const elsewhere: string[] = [];
    redirect((line) => elsewhere.push(line));
    logger.info('one');
    redirect(null);
    logger.info('two');
    expect(elsewhere.join('')).toContain('one');
    expect(text()).toMatch(/two/);
    expect(text()).not.toMatch(/one/);
  });
});

describe('secrets', () => {
  test('are removed wherever they turn up', () => {
    const { logger, text } = aLog({ secrets: ['hunter2'] });
    logger.info({ url: 'http://joe:hunter2@ch', err: new Error('login of hunter2 failed') }, 'hunter2');
    expect(text()).not.toContain('hunter2');
    expect(JSON.parse(text())).toMatchObject({ msg: '********', url: 'http://joe:********@ch' });
  });

  test('credentials in objects are redacted although nobody knows them', () => {
    const { logger, text } = aLog();
    logger.info({ password: 'x1', sasl: { password: 'x2' }, request: { headers: { authorization: 'x3' } } }, 'away');
    expect(text()).not.toMatch(/x[123]/);
  });

  test('leave a line that can be parsed, whatever they contain', () => {
    fc.assert(
      fc.property(fc.string({ minLength: 4, unit: 'binary' }), fc.string(), (secret, other) => {
        const { logger, text } = aLog({ secrets: [secret] });
        logger.info({ field: `${other}${secret}` }, secret);
        const { field, msg } = JSON.parse(text()) as { field: string; msg: string };
        expect(msg).toBe('********');
        expect(field).not.toBe(`${other}${secret}`);
      }),
      { numRuns: 30 },
    );
  });
});

describe('on a terminal', () => {
  test('lines are for people', () => {
    const { logger, text } = aLog({ format: 'pretty', secrets: ['hunter2'] });
    logger.warn({ topic: 'a' }, 'hunter2 is away');
    expect(text()).toMatch(/^\[\d\d:\d\d:\d\d\] WARN: \*{8} is away \{"topic":"a"\}\n$/);
  });

  test('escape sequences in fields and messages cannot act', () => {
    const { logger, text } = aLog({ format: 'pretty' });
    logger.warn({ queue: '\u001B[2J' }, '\u001B]0;title\u0007');
    expect(text()).not.toContain('\u001B');
  });

  test('colours are there when wanted', () => {
    const { logger, text } = aLog({ format: 'colored' });
    logger.warn('away');
    expect(text()).toContain('\u001B[');
  });
});
