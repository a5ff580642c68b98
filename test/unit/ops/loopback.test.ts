import { describe, expect, test } from '@jest/globals';
import { foreignRequest, isLoopback } from '../../../src/ops/loopback';

const from = (headers: Record<string, string>, host = '127.0.0.1') => foreignRequest(host, { headers })?.status ?? 200;

describe('a listener on loopback', () => {
  test.each([
    [{ host: '127.0.0.1:9464' }],
    [{ host: 'localhost' }],
    [{ host: 'LOCALHOST:1' }],
    [{ host: '[::1]:9464' }],
    [{ host: 'queuefold.localhost:9464' }],
    [{}],
    [{ host: '127.0.0.1:9464', origin: 'http://127.0.0.1:9464', 'sec-fetch-site': 'same-origin' }],
    [{ host: 'localhost:9464', 'sec-fetch-site': 'none' }],
  ])('serves %j', (headers) => {
    expect(from(headers)).toBe(200);
    expect(from(headers, '::1')).toBe(200);
  });

  test.each([
    [{ host: 'rebound.example:9464' }],
    [{ host: '127.0.0.1.example' }],
    [{ host: 'localhost.example' }],
    [{ host: '10.0.0.1:9464' }],
    [{ host: '' }],
    [{ host: '127.0.0.1:9464', origin: 'https://page.example' }],
    [{ host: '127.0.0.1:9464', origin: 'null' }],
    [{ host: '127.0.0.1:9464', origin: 'http://127.0.0.1:3000' }],
    [{ host: '127.0.0.1:9464', 'sec-fetch-site': 'cross-site' }],
    [{ host: 'localhost:9464', 'sec-fetch-site': 'same-site' }],
  ])('refuses %j', (headers) => {
    expect(from(headers)).toBe(403);
  });
});

test('a listener on another interface is reached by the names and addresses of its network', () => {
  for (const host of ['0.0.0.0', '::', '10.1.2.3']) {
    expect(from({ host: '10.1.2.3:9464' }, host)).toBe(200);
    expect(from({ host: 'queuefold-fold.prod.svc:9464', origin: 'https://board.example' }, host)).toBe(200);
  }
});

test('addresses of loopback are told apart', () => {
  expect(['127.0.0.1', '127.1.2.3', '::1', 'localhost', 'a.localhost', 'localhost.'].every(isLoopback)).toBe(true);
  expect(['0.0.0.0', '::', '128.0.0.1', 'localhost.com', ''].some(isLoopback)).toBe(false);
});
