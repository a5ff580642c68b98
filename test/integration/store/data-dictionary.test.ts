import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { packageRoot } from '../../../src/common';
import { storeForTests, type TestStore } from '../../support/clickhouse/store';

/** docs/reference/data-dictionary.md against the database that the migrations make. */
interface Column {
  readonly name: string;
  readonly type: string;
}

const page = readFileSync(join(packageRoot(), 'docs', 'reference', 'data-dictionary.md'), 'utf8');
const cellsOf = (line: string): string[] =>
  line
    .slice(1, -1)
    .split('|')
    .map((cell) => cell.trim());
const numbered: readonly Column[] = page
  .split('\n')
  .filter((line) => /^\| \d+ \|/.test(line))
  .map(cellsOf)
  .map(([, name = '', , type = '']) => ({ name, type }));

/** By the name of the table or view; a view with parameters as it is called. */
const documented = new Map(
  [...page.matchAll(/^### (?:Table|View) `([^`]+)`\n([\s\S]*?)(?=^###? |$(?![\s\S]))/gm)].map(
    ([, name = '', text = '']) => [
      name,
      text
        .split('\n')
        .filter((line) => line.startsWith('| ') && !line.startsWith('| column'))
        .map(cellsOf)
        .flatMap(([column = '', type = '']): readonly Column[] => {
          const [, from, to] = /^(\d+)–(\d+)$/.exec(column) ?? [];
          return from === undefined ? [{ name: column, type }] : numbered.slice(Number(from) - 1, Number(to));
        }),
    ],
  ),
);

/** How a type is stored is no matter of the page; that a column may be null, the numbered list says in words. */
const bare = (type: string): string => type.replace(/LowCardinality\(((?:[^()]|\([^()]*\))*)\)/g, '$1');
const withoutNull = (type: string): string => bare(type).replace(/^Nullable\((.*)\)$/, '$1');
const isNumbered = ({ name, type }: Column): boolean =>
  numbered.some((one) => one.name === name && one.type === withoutNull(type));

/** Of views, in the order in which they are documented. */
const PARAMETERS = ['at', 'conversation_id', 'from', 'to', 'minutes', 'target_seconds', 'short_abandon_seconds'];
const TEXTS: ReadonlySet<string> = new Set(['at', 'conversation_id', 'from', 'to']);

let tests: TestStore;
beforeAll(async () => {
  tests = await storeForTests();
});
afterAll(() => tests.close());

async function actual(): Promise<Map<string, readonly Column[]>> {
  const { database } = tests.store;
  const tables = await tests.rows(
    `SELECT name, create_table_query AS sql FROM system.tables WHERE database = '${database}' AND engine != 'MaterializedView' ORDER BY name`,
  );
  const entries = tables.map(async ({ name, sql }): Promise<[string, readonly Column[]]> => {
    const parameters = PARAMETERS.filter((parameter) => String(sql).includes(`{${parameter}:`));
    const call = (value: (parameter: string) => string): string =>
      parameters.length === 0 ? '' : `(${parameters.map((one) => `${one} = ${value(one)}`).join(', ')})`;
    const columns = await tests.rows(
      `DESCRIBE TABLE (SELECT * FROM \`${database}\`.${String(name)}${call((one) => (TEXTS.has(one) ? "'2026-01-01'" : '30'))})`,
    );
    return [
      `${String(name)}${call(() => '…')}`,
      columns.map((column) => ({ name: String(column['name']), type: String(column['type']) })),
    ];
  });
  return new Map(await Promise.all(entries));
}

describe('docs/reference/data-dictionary.md', () => {
  test('has every table and view that the migrations make, and no other', async () => {
    expect([...documented.keys()].sort()).toEqual([...(await actual()).keys()].sort());
  });

  test('has every column of each, in its order and with its type', async () => {
    for (const [name, columns] of await actual()) {
      const shown = documented.get(name) ?? [];
      const types = columns.map((column, index) => ({
        name: column.name,
        // Where the page's row is one of the numbered ones, null is said in words there.
        type:
          isNumbered(column) && shown[index]?.type === withoutNull(column.type)
            ? withoutNull(column.type)
            : bare(column.type),
      }));
      expect({ name, columns: types }).toEqual({ name, columns: shown });
    }
  });
});
