import { describe, expect, test } from '@jest/globals';
import { admits, checkAccess } from '../../../src/board/access';
import { UsageError } from '../../../src/common';

const NOBODY = { password: undefined, proxyHeader: undefined };
const basic = (text: string): string => `Basic ${Buffer.from(text).toString('base64')}`;

describe('where the board may listen', () => {
  test.each(['127.0.0.1', '::1', 'localhost'])('on %s without a password', (host) => {
    expect(() => checkAccess(host, NOBODY)).not.toThrow();
  });

  test.each(['0.0.0.0', '::', '192.168.1.5', 'board.example'])(
    'not on %s, unless it knows who may look; the message says how to tell it',
    (host) => {
      expect(() => checkAccess(host, NOBODY)).toThrow(UsageError);
      expect(() => checkAccess(host, NOBODY)).toThrow(/BOARD_PASSWORD_FILE.*--proxy-header/);
      expect(() => checkAccess(host, { ...NOBODY, password: 'a password' })).not.toThrow();
      expect(() => checkAccess(host, { ...NOBODY, proxyHeader: 'X-User' })).not.toThrow();
    },
  );
});

describe('who may look', () => {
  const guarded = { password: 'right: it has a colon', proxyHeader: undefined };

  test('everybody, where there is nothing to know', () => {
    expect(admits(NOBODY, {})).toBe(true);
  });

  test('whoever has the password, with any user name', () => {
    expect(admits(guarded, { authorization: basic('anna:right: it has a colon') })).toBe(true);
    expect(admits(guarded, { authorization: basic(':right: it has a colon') })).toBe(true);
  });

  test.each([
    undefined,
    '',
    'Basic',
    'Basic !!!',
    basic(''),
    basic('right: it has a colon'),
    basic('anna:'),
    basic('anna:wrong'),
    'Bearer right: it has a colon',
  ])('nobody with %j', (authorization) => {
    expect(admits(guarded, authorization === undefined ? {} : { authorization })).toBe(false);
  });

  test('whom the proxy has authenticated, and nobody else', () => {
    const behindProxy = { password: undefined, proxyHeader: 'X-Forwarded-User' };
    expect(admits(behindProxy, { 'x-forwarded-user': 'anna' })).toBe(true);
    expect(admits(behindProxy, {})).toBe(false);
    expect(admits(behindProxy, { 'x-forwarded-user': '' })).toBe(false);
    expect(admits({ ...behindProxy, password: 'a password' }, { authorization: basic('a:a password') })).toBe(true);
  });
});
