import { expect, test } from '@jest/globals';
import { addressOf } from '../../../src/log/kafkajs/repairs/r14-ipv6-brokers';

test.each([
  ['kafka1:9092', { host: 'kafka1', port: 9092 }],
  ['10.0.0.1:19092', { host: '10.0.0.1', port: 19092 }],
  ['[::1]:9092', { host: '::1', port: 9092 }],
  ['[fd00::12:34]:9092', { host: 'fd00::12:34', port: 9092 }],
])('the address of a bootstrap broker is split at its last colon: %s', (broker, address) => {
  expect(addressOf(broker)).toEqual(address);
});
