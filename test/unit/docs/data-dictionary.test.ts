import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from '@jest/globals';
import { packageRoot } from '../../../src/common';
import { STATE_COLUMNS } from '../../../src/conversation';

interface Field {
  readonly name: string;
  readonly type: unknown;
  readonly doc: string;
}

const read = (...path: string[]): string => readFileSync(join(packageRoot(), ...path), 'utf8');
const { fields } = JSON.parse(read('schemas', 'avro', 'queue-conversation.avsc')) as { fields: readonly Field[] };
const rows = read('docs', 'reference', 'data-dictionary.md')
  .split('\n')
  .filter((line) => /^\| \d+ \|/.test(line))
  .map((line) =>
    line
      .slice(1, -1)
      .split('|')
      .map((cell) => cell.trim()),
  );

function avroType(type: unknown): string {
  if (Array.isArray(type)) return `${avroType(type[1])}, nullable`;
  return typeof type === 'string' ? type : 'timestamp-millis';
}

describe('docs/reference/data-dictionary.md', () => {
  test('lists the columns of the schema in their order, with type and meaning', () => {
    const expected = fields.map(({ name, type, doc }, index) => [String(index + 1), name, avroType(type), doc]);
    expect(rows.map(([number, name, type, , meaning]) => [number, name, type, meaning])).toEqual(expected);
  });

  test('says of every nullable column when it is null, and of every column where it comes from', () => {
    for (const [, name, type, , , nullWhen, source] of rows) {
      expect({ name, nullWhen: nullWhen === '–' }).toEqual({ name, nullWhen: !type?.endsWith(', nullable') });
      expect(source).not.toBe('');
    }
  });

  test('the schema, the row type and the table agree on the columns', () => {
    expect(fields.map(({ name }) => name)).toEqual([...STATE_COLUMNS]);
  });
});
