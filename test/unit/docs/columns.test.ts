import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from '@jest/globals';
import { packageRoot } from '../../../src/common';
import { type Columns, QUEUE_CONVERSATION, QUEUE_VISIT } from '../../../src/conversation';

const TIME = { type: 'long', logicalType: 'timestamp-millis' };

/** How a schema spells what a column is declared to hold. */
const SPELLINGS: Readonly<Record<Columns[string], { readonly avro: unknown; readonly clickHouse: readonly string[] }>> =
  {
    text: { avro: 'string', clickHouse: ['String', 'LowCardinality(String)'] },
    'text?': { avro: ['null', 'string'], clickHouse: ['Nullable(String)', 'LowCardinality(Nullable(String))'] },
    time: { avro: TIME, clickHouse: ["DateTime64(3, 'UTC')"] },
    'time?': { avro: ['null', TIME], clickHouse: ["Nullable(DateTime64(3, 'UTC'))"] },
    count: { avro: 'int', clickHouse: ['UInt32'] },
    flag: { avro: 'boolean', clickHouse: ['Bool'] },
    outcome: { avro: 'string', clickHouse: ['LowCardinality(String)'] },
  };

const schema = (...path: string[]): string => readFileSync(join(packageRoot(), 'schemas', ...path), 'utf8');

interface Field {
  readonly name: string;
  readonly type: unknown;
}

test.each<[string, Columns]>([
  ['queue-conversation', QUEUE_CONVERSATION],
  ['queue-visit', QUEUE_VISIT],
])('%s.avsc has the columns as they are declared, in their order', (name, columns) => {
  const { fields } = JSON.parse(schema('avro', `${name}.avsc`)) as { readonly fields: readonly Field[] };
  expect(fields.map((field) => [field.name, field.type])).toEqual(
    Object.entries(columns).map(([column, type]) => [column, SPELLINGS[type].avro]),
  );
});

/** The columns of a table by its migrations, `_version` and the like left out: name and type, in their order. */
function columnsOfTable(table: string): (readonly [name: string, type: string])[] {
  const files = readdirSync(join(packageRoot(), 'schemas', 'clickhouse')).filter((name) => name.endsWith('.sql'));
  return files.sort().flatMap((file) => {
    const sql = schema('clickhouse', file);
    const definition = new RegExp(
      sql.includes(`CREATE TABLE IF NOT EXISTS {{database}}.${table} `)
        ? String.raw`^ +([a-z]\w*) +(.+?) +COMMENT`
        : String.raw`^ALTER TABLE {{database}}\.${table} (?:.*\s)*?ADD COLUMN IF NOT EXISTS (\w+) +(.+?) +(?:DEFAULT|COMMENT)`,
      'gm',
    );
    return [...sql.matchAll(definition)].map(([, name = '', type = '']) => [name, type] as const);
  });
}

test.each<[string, Columns]>([
  ['queue_conversation_state', QUEUE_CONVERSATION],
  ['queue_visit_state', QUEUE_VISIT],
])('the table %s has the columns as they are declared', (table, columns) => {
  const found = columnsOfTable(table);
  expect(found.map(([name]) => name)).toEqual(Object.keys(columns));
  for (const [name, type] of found) expect(SPELLINGS[columns[name] ?? 'text'].clickHouse).toContain(type);
});
