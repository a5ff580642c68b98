import { afterEach, describe, expect, test } from '@jest/globals';
import {
  answeringClickHouse,
  type ClickHouseAnswer,
  type ClickHouseQuestion,
} from '../../support/clickhouse/answering-clickhouse';
import { queryWith } from '../../support/clickhouse/query';

/** As src/Access/SettingsConstraints.cpp and src/Access/ContextAccess.cpp of ClickHouse have it. */
const refused = (words: string): ClickHouseAnswer => ({
  status: 500,
  code: 164,
  text: `Code: 164. DB::Exception: ${words}. (READONLY) (version 26.7.2.1)\n`,
});
const NO_SETTINGS = new Set(['database', 'default_format', 'wait_end_of_query']);

/** A server at which the user's profile has this value of `readonly`; it says what `tell` does, where that is let. */
function withProfile(readonly: 0 | 1 | 2, tell: (sql: string) => ClickHouseAnswer) {
  return (sql: string, { parameters }: ClickHouseQuestion): ClickHouseAnswer => {
    const own = [...sql.matchAll(/SETTINGS (\w+) = (\w+)/g)].map(([, name = '', value = '']) => [name, value] as const);
    const asked = [...parameters].filter(([name]) => !NO_SETTINGS.has(name) && !name.startsWith('param_'));
    let inForce = String(readonly);
    for (const changes of [asked, own]) {
      const before = inForce;
      for (const [name, value] of changes) {
        const isRefused = name === 'readonly' ? before !== '0' && value !== before : before === '1';
        if (isRefused) return refused(`Cannot modify '${name}' setting in readonly mode`);
        if (name === 'readonly') inForce = value;
      }
    }
    if (sql.includes("getSetting('readonly')")) return `${inForce}\n`;
    if (/^(INSERT|DROP)/.test(sql) && inForce !== '0') return refused('me: Cannot execute query in readonly mode');
    return tell(sql);
  };
}

let stop: () => Promise<void> = () => Promise.resolve();
afterEach(() => stop());

const asked: { sql: string; settings: string[] }[] = [];
async function at(answer: (sql: string, question: ClickHouseQuestion) => ClickHouseAnswer) {
  asked.length = 0;
  const server = await answeringClickHouse((sql, question) => {
    const settings = [...question.parameters.keys()].filter((name) => !NO_SETTINGS.has(name));
    asked.push({ sql, settings });
    return answer(sql, question);
  });
  stop = server.stop;
  return queryWith(() => ({ CLICKHOUSE_URL: server.url, CLICKHOUSE_USERNAME: 'me', CLICKHOUSE_DATABASE: 'q' }));
}

describe('queuefold query', () => {
  test.each([0, 1, 2] as const)('reads for a user whose profile has readonly = %d', async (readonly) => {
    const query = await at(withProfile(readonly, () => '1\n'));
    expect(await query('SELECT 1', { format: 'TSV' })).toEqual({ code: 0, stdout: '1\n', stderr: '' });
    expect(await query('DROP TABLE t')).toMatchObject({ code: 1, stderr: expect.stringMatching(/READONLY/) });
  });

  test('finds out once that a user may set nothing, also when it asks again and again', async () => {
    const query = await at(withProfile(1, () => '1\n'));
    const thrice = (stdout: string) => stdout.length >= '1\n\n'.length * 3;
    await query('SELECT 1', { format: 'TSV', watch: true }, [], { endWhen: thrice });
    expect(asked.filter(({ sql }) => sql.includes('getSetting'))).toHaveLength(1);
    expect(asked.filter(({ settings }) => settings.length > 0)).toHaveLength(1);
  });

  test('is not talked out of reading only by a setting of the statement', async () => {
    const query = await at(withProfile(0, () => 'stored'));
    const { code, stderr } = await query('INSERT INTO t SETTINGS readonly = 0 SELECT 1');
    expect({ code, stderr }).toEqual({ code: 1, stderr: expect.stringContaining("Cannot modify 'readonly' setting") });
    expect(asked.filter(({ sql, settings }) => sql.startsWith('INSERT') && settings.length === 0)).toEqual([]);
    expect(await query('INSERT INTO t SELECT 1', { write: true })).toMatchObject({ code: 0, stdout: 'stored' });
  });

  const WORDS = 'Code: 395. DB::Exception: Too much. (FUNCTION_THROW_IF_VALUE_IS_NON_ZERO) (version 26.7.2.1)';
  const TAG = 'rumfyutuqkncbgau';
  const LATE: readonly (readonly [string, ClickHouseAnswer])[] = [
    [
      'in a block with the tag of the header (since 25.11)',
      {
        headers: { 'X-ClickHouse-Exception-Tag': TAG },
        pieces: [
          '1\n',
          '2\n',
          `\r\n__exception__\r\n${TAG}\r\n${WORDS}\n${WORDS.length + 1} ${TAG}\r\n__exception__\r\n`,
        ],
      },
    ],
    [
      'before the connection breaks (24.11 to 25.10)',
      { pieces: ['1\n', '2\n', `__exception__\r\n${WORDS}\n`], breaks: true },
    ],
    ['with its code in a header', { headers: { 'X-ClickHouse-Exception-Code': '395' }, pieces: [`${WORDS}\n`] }],
  ];
  test.each(LATE)('ends with 1 and ClickHouse’s words when a query fails after the 200: %s', async (_, answer) => {
    const query = await at(() => answer);
    expect(await query('SELECT 1', { format: 'TSV' })).toMatchObject({ code: 1, stderr: `${WORDS}\n` });
    // Half a table is none.
    expect(await query('SELECT 1')).toEqual({ code: 1, stdout: '', stderr: `${WORDS}\n` });
  });

  test('says so when the connection breaks without a word', async () => {
    const query = await at(() => ({ pieces: ['1\n'], breaks: true }));
    await expect(query('SELECT 1', { format: 'TSV' })).rejects.toMatchObject({
      exitCode: 1,
      message: expect.stringMatching(/^CLICKHOUSE_URL: ClickHouse at http:\S+ broke off its answer \(/),
    });
  });

  test('has the answer held back until the query is done, and failures told beside the format', async () => {
    let parameters = new URLSearchParams();
    const query = await at((_, question) => {
      ({ parameters } = question);
      return '1\n';
    });
    await query('SELECT 1', { format: 'ndjson' }, ['--param_a=x']);
    expect(Object.fromEntries(parameters)).toEqual({
      database: 'q',
      default_format: 'JSONEachRow',
      wait_end_of_query: '1',
      readonly: '2',
      http_write_exception_in_output_format: '0',
      param_a: 'x',
    });
  });
});
