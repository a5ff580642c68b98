import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { connectStore } from '../../../src/store';
import { answeringClickHouse } from '../../support/clickhouse/answering-clickhouse';

const ROW = '{"id":"c1","partition":0,"version":"1"}\n';
const WORDS = 'Code: 241. DB::Exception: Memory limit exceeded. (MEMORY_LIMIT_EXCEEDED) (version 25.8.1.1)';
const TAG = 'rumfyutuqkncbgau';

let server: Awaited<ReturnType<typeof answeringClickHouse>>;
let isTagged = false;
beforeAll(async () => {
  server = await answeringClickHouse((_, { parameters }) => {
    const block = `\r\n__exception__\r\n${TAG}\r\n${WORDS}\n${WORDS.length + 1} ${TAG}\r\n__exception__\r\n`;
    if (isTagged) return { headers: { 'X-ClickHouse-Exception-Tag': TAG }, pieces: [ROW, block] };
    // Before 25.11 a row of the format unless told otherwise.
    if (parameters.get('http_write_exception_in_output_format') !== '0') {
      return { pieces: [ROW, `${JSON.stringify({ exception: WORDS })}\n`] };
    }
    return { pieces: [ROW, `__exception__\r\n${WORDS}\n`], breaks: true };
  });
});
afterAll(() => server.stop());

test.each([
  ['with its tag', true],
  ['before tags', false],
])('what fails while rows are read is an error and no row, at a server %s', async (_, tagged) => {
  isTagged = tagged;
  const store = connectStore({ url: server.url, username: 'me', password: '', database: 'q' });
  // The words are there with a tag only; without it the client sees a line that is no JSON, or the connection break.
  const result = await store.client.query({ query: 'SELECT id, partition, version', format: 'JSONEachRow' });
  await expect(result.json()).rejects.toThrow(tagged ? 'Memory limit exceeded' : undefined);
  await store.close();
});
