import { Readable } from 'node:stream';
import { expect, test } from '@jest/globals';
import { pino } from 'pino';
import { connectStore, type Store } from '../../../src/store/client';
import { upsert, writerInto } from '../../support/clickhouse/store-rows';

const withCode = (code: string) => Object.assign(new Error(`it is ${code}`), { code });

/** Whose next inserts fail with these. */
function failing(...errors: Error[]): Store {
  const store = connectStore({ url: 'http://127.0.0.1:1', username: 'sink', password: '', database: 'q' });
  const exec = () => {
    const error = errors.shift();
    return error === undefined ? Promise.resolve({ stream: Readable.from([]) }) : Promise.reject(error);
  };
  return { ...store, client: Object.create(store.client, { exec: { value: exec } }) as typeof store.client };
}

test('each reason that ClickHouse takes no rows for is logged once, and the end of it', async () => {
  const logged: string[] = [];
  const write = (line: string): void => {
    const { msg, error } = JSON.parse(line) as { msg: string; error?: string };
    logged.push(error === undefined ? msg : `${msg}: ${error}`);
  };
  const reset = withCode('ECONNRESET');
  const expired = withCode('CERT_HAS_EXPIRED');
  const writer = writerInto(failing(reset, reset, expired, expired), { logger: pino({ level: 'info' }, { write }) });
  await writer.put(upsert(1));
  expect(logged).toEqual([
    'ClickHouse takes no rows: the sink tries again: it is ECONNRESET',
    expect.stringMatching(/^ClickHouse takes no rows: the sink tries again: its certificate has expired .*Renew it/),
    'ClickHouse takes rows again',
  ]);
  expect(await writer.metrics.registry.getSingleMetricAsString('queuefold_sink_retries_total')).toMatch(
    /reason="ECONNRESET"\} 2\n.*reason="CERT_HAS_EXPIRED"\} 2/,
  );
});
