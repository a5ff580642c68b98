import { expect, test } from '@jest/globals';
import { AwayError } from '../../../src/common';
import { claimEpoch, connectStore } from '../../../src/store';
import { answeringClickHouse, type ClickHouseAnswer } from '../../support/clickhouse/answering-clickhouse';

const error = (code: number, text: string): ClickHouseAnswer => ({
  ...{ status: 500, code },
  text: `Code: ${code}. DB::Exception: ${text}`,
});
const readOnly = error(242, 'Table is in readonly mode. (TABLE_IS_READ_ONLY)');

async function claiming(answer: (sql: string) => ClickHouseAnswer): Promise<number> {
  const server = await answeringClickHouse(answer);
  const store = connectStore({ url: server.url, username: 'me', password: '', database: 'q' });
  const identity = { topic: 'state', id: 'an id' };
  return claimEpoch(store, identity).finally(() => Promise.all([store.close(), server.stop()]));
}

test.each<[string, (sql: string) => ClickHouseAnswer, RegExp]>([
  ['has its tables for reading only', (sql) => (sql.startsWith('INSERT') ? readOnly : ''), /242.*TABLE_IS_READ_ONLY/],
  ['has no memory', () => error(241, 'Memory limit exceeded. (MEMORY_LIMIT_EXCEEDED)'), /241/],
  ['breaks the connection', () => ({ pieces: ['{"epoch":0,'], breaks: true }), /./],
])('a sink that starts while ClickHouse %s waits, and names server, topic and reason', async (_, answer, reason) => {
  const claim = claiming(answer);
  await expect(claim).rejects.toThrow(AwayError);
  await expect(claim).rejects.toThrow(
    /^ClickHouse at http:\S+ does not say which epoch state has in q: .+ can it write/,
  );
  await expect(claim).rejects.toThrow(reason);
});

test('a right that is missing does not come by waiting', async () => {
  const claim = claiming(() => error(497, 'me: Not enough privileges. (ACCESS_DENIED)'));
  await expect(claim).rejects.toThrow('Not enough privileges');
  await expect(claim).rejects.not.toThrow(AwayError);
});
