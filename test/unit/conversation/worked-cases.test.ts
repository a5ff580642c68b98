import { readdirSync, readFileSync, existsSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from '@jest/globals';
import { DEFAULT_FOLD_SETTINGS, type FoldSettings } from '../../../src/conversation/folded';
import { createPartitionFold } from '../../../src/conversation/partition';
import { printableRow, STATE_COLUMNS } from '../../../src/conversation/row';
import { readLine } from '../../support/conversation/read-line';

/** The worked cases of the specification's section 6, as streams with the records that they must give. */
const directory = join(__dirname, '../../fixtures/cases');
const cases = readdirSync(directory)
  .filter((file) => file.endsWith('.input.ndjson'))
  .map((file) => file.replace('.input.ndjson', ''));

const lines = (file: string): string[] =>
  readFileSync(join(directory, file), 'utf8')
    .split('\n')
    .filter((line) => line !== '');

function settingsOf(name: string): FoldSettings {
  const file = join(directory, `${name}.options.json`);
  if (!existsSync(file)) return DEFAULT_FOLD_SETTINGS;
  const { env } = JSON.parse(readFileSync(file, 'utf8')) as { env: { CLOSE_AFTER: FoldSettings['closeAfter'] } };
  return { ...DEFAULT_FOLD_SETTINGS, closeAfter: env.CLOSE_AFTER };
}

describe('section 6, worked cases', () => {
  test.each(cases)('%s', (name) => {
    const partition = createPartitionFold(settingsOf(name));
    const records = lines(`${name}.input.ndjson`).flatMap((line) => {
      const read = readLine(Buffer.from(line), 0);
      return read?.kind === 'event' ? partition.apply(read.event).records : [];
    });
    const printed = records.map((record) => ({
      key: record.conversationId,
      value: record.row === null ? null : printableRow(record.row, STATE_COLUMNS),
      timestamp: new Date(record.timestamp).toISOString(),
    }));
    expect(printed).toEqual(lines(`${name}.expected.ndjson`).map((line) => JSON.parse(line) as unknown));
  });
});
