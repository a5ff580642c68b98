import { createServer } from 'node:http';
import { afterEach, expect, test } from '@jest/globals';
import { connectStore } from '../../../src/store/client';
import { upsert, writerInto } from '../../support/clickhouse/store-rows';
import { listenOnLoopback } from '../../support/network/loopback-server';

/** A server that answers 200 to everything, and says in the body that it failed. */
const closing: (() => void)[] = [];
afterEach(() => {
  for (const close of closing.splice(0)) close();
});

async function answering(...bodies: readonly string[]) {
  const asked: { readonly query: URLSearchParams; readonly body: string }[] = [];
  const server = createServer((request, response) => {
    let body = '';
    request.setEncoding('utf8').on('data', (chunk: string) => (body += chunk));
    request.on('end', () => {
      asked.push({ query: new URL(request.url ?? '', 'http://x').searchParams, body });
      response.end(bodies[asked.length - 1] ?? '');
    });
  });
  const { url, stop } = await listenOnLoopback(server);
  closing.push(() => void stop());
  const store = connectStore({ url, username: 'sink', password: '', database: 'q' });
  closing.push(() => void store.close());
  return { store, asked };
}

const rowsIn = ({ body }: { readonly body: string }): number =>
  body.split('\n').filter((line) => line.startsWith('[')).length;

test('an error in the body of a 200 is an error: the rows are sent again', async () => {
  const { store, asked } = await answering(
    'Code: 241. DB::Exception: Memory limit (total) exceeded. (MEMORY_LIMIT_EXCEEDED) (version 25.8.1.1)',
    '<html>the proxy is sorry</html>',
  );
  const writer = writerInto(store);
  await writer.put(upsert(1), upsert(2));
  expect(asked.map(rowsIn)).toEqual([2, 2, 2]);
  const retries = await writer.metrics.registry.getSingleMetricAsString('queuefold_sink_retries_total');
  expect(retries).toMatch(/reason="MEMORY_LIMIT_EXCEEDED"\} 1/);
});

test('an error of the data in the body of a 200 leads to the row that is the cause', async () => {
  const refused = 'Code: 27. DB::Exception: Cannot parse input. (CANNOT_PARSE_INPUT_ASSERTION_FAILED)';
  const { store, asked } = await answering(refused);
  await writerInto(store).put(upsert(1), upsert(2));
  expect(asked.map(rowsIn)).toEqual([2, 1, 1]);
});

test('every statement asks for a status that is sent at its end', async () => {
  const { store, asked } = await answering();
  await store.client.command({ query: 'OPTIMIZE TABLE q.names FINAL' });
  await writerInto(store).put(upsert(1));
  expect(asked.map(({ query }) => query.get('send_progress_in_http_headers'))).toEqual(['0', '0']);
});
