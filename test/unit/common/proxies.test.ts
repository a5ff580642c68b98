import { describe, expect, test } from '@jest/globals';
import { proxyAuthorization, proxySecrets, readProxies } from '../../../src/common/proxies';

const REST = 'https://api.mypurecloud.ie/api/v2/routing/queues';
const SOCKET = 'wss://streaming.mypurecloud.ie/channels/1';

const wayTo = (url: string, env: Record<string, string>): string => readProxies(env).to(url)?.shown ?? 'straight';

describe('the proxy of the environment', () => {
  test.each([
    [{}, 'straight', 'straight'],
    [{ HTTPS_PROXY: 'http://proxy:3128' }, 'http://proxy:3128', 'straight'],
    [{ https_proxy: 'http://proxy:3128' }, 'http://proxy:3128', 'straight'],
    [{ HTTP_PROXY: 'http://proxy:3128' }, 'straight', 'http://proxy:3128'],
    [{ http_proxy: 'https://proxy' }, 'straight', 'https://proxy'],
    [{ https_proxy: 'http://lower:1', HTTPS_PROXY: 'http://upper:1' }, 'http://lower:1', 'straight'],
    [{ https_proxy: '', HTTPS_PROXY: 'http://upper:1' }, 'http://upper:1', 'straight'],
    [{ HTTPS_PROXY: 'proxy:3128' }, 'http://proxy:3128', 'straight'],
    [{ HTTPS_PROXY: 'http://[::1]:3128' }, 'http://[::1]:3128', 'straight'],
  ])('%j: requests and sockets with TLS go %s, without TLS %s', (env, secure, plain) => {
    expect([wayTo(REST, env), wayTo(SOCKET, env)]).toEqual([secure, secure]);
    expect([wayTo('http://127.0.0.1:9480/', env), wayTo('ws://127.0.0.1:9480/', env)]).toEqual([plain, plain]);
  });

  test.each([
    ['*', REST, true],
    ['localhost, *', REST, true],
    ['api.mypurecloud.ie', REST, true],
    ['API.MyPureCloud.ie', REST, true],
    ['mypurecloud.ie', REST, true],
    ['.mypurecloud.ie', REST, true],
    ['*.mypurecloud.ie', SOCKET, true],
    ['localhost mypurecloud.ie', REST, true],
    ['purecloud.ie', REST, false],
    ['mypurecloud.ie:443', REST, true],
    ['mypurecloud.ie:8443', REST, false],
    ['mypurecloud.ie:8443', 'https://mypurecloud.ie:8443', true],
    ['10.0.0.0/8', 'https://10.1.2.3', true],
    ['10.0.0.0/8', 'https://11.1.2.3', false],
    ['10.0.0.0/99', 'https://10.1.2.3', false],
    ['::1', 'https://[::1]:8443', true],
    ['[::1]:8443', 'https://[::1]:8443', true],
    ['[::1]:443', 'https://[::1]:8443', false],
    ['fd00::/8', 'https://[fd12::1]', true],
  ])('NO_PROXY=%s excepts %s: %s', (exceptions, url, excepted) => {
    const env = { HTTPS_PROXY: 'http://proxy:3128' };
    expect(wayTo(url, { ...env, NO_PROXY: exceptions })).toBe(excepted ? 'straight' : 'http://proxy:3128');
    expect(wayTo(url, { ...env, no_proxy: exceptions })).toBe(excepted ? 'straight' : 'http://proxy:3128');
  });

  test('carries its user and password, percent-encoded', () => {
    const authorization = (HTTPS_PROXY: string) => {
      const proxy = readProxies({ HTTPS_PROXY }).to(REST);
      const value = proxy && proxyAuthorization(proxy);
      return value && Buffer.from(value.replace('Basic ', ''), 'base64').toString();
    };
    expect(authorization('http://me:p%40ss@proxy:1')).toBe('me:p@ss');
    expect(authorization('http://me@proxy:1')).toBe('me:');
    expect(authorization('http://proxy:1')).toBeNull();
  });

  test.each([
    'ftp://me:hidden%2Fpass@proxy:21',
    'socks5://me:hidden%2Fpass@proxy:1080',
    'http://me:hidden/pass@proxy:3128',
    'http://me:1234#hidden@proxy:3128',
    'http://me:1234/hidden@proxy:3128',
    'http://me:hidden%2Fpass@proxy:port',
    'me:hidden@proxy:99999',
  ])('%s is a mistake that is told without its credentials', (HTTPS_PROXY) => {
    const read = () => readProxies({ HTTPS_PROXY });
    expect(read).toThrow(/^HTTPS_PROXY: "…@proxy:\w+" is not the address of a proxy .*allowed: http:\/\/host:port/);
    expect(read).toThrow(expect.objectContaining({ exitCode: 2, message: expect.not.stringMatching(/hidden|1234/) }));
  });

  test('the variable is named as it is set', () => {
    expect(() => readProxies({ http_proxy: 'http://' })).toThrow(/^http_proxy: "http:\/\/" is not/);
  });

  test('its password is known in every form in which it could be printed', () => {
    const secrets = proxySecrets({ HTTPS_PROXY: 'http://me:p%40ss@proxy:1', http_proxy: 'you:other@proxy:1' });
    expect(secrets).toEqual(
      expect.arrayContaining(['p%40ss', 'p@ss', Buffer.from('me:p@ss').toString('base64'), 'you:other', 'other']),
    );
    expect(proxySecrets({ HTTPS_PROXY: 'http://proxy:1' })).toEqual([]);
  });
});
