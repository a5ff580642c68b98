import { join } from 'node:path';
import { AvroSchemaParser } from '@asyncapi/avro-schema-parser';
import { fromFile, Parser } from '@asyncapi/parser';
import { expect, test } from '@jest/globals';
import { packageRoot } from '../../../src/common';
import { STATE_COLUMNS, VISIT_COLUMNS } from '../../../src/conversation';
import { topicDefinitions, topicNames } from '../../../src/log';

const FILE = join(packageRoot(), 'schemas', 'asyncapi.yaml');
/** Diagnostics from here on are advice, such as that there is a newer version of AsyncAPI. */
const ADVICE = 2;

// That the file is current, generated.test.ts says.
test('AsyncAPI’s own parser reads every topic but the private one, with columns and tombstones, and finds no fault', async () => {
  const parser = new Parser();
  parser.registerSchemaParser(AvroSchemaParser());
  const { document, diagnostics } = await fromFile(parser, FILE).parse();
  expect(diagnostics.filter(({ severity }: { readonly severity: number }) => severity < ADVICE)).toEqual([]);
  const names = topicNames('{prefix}');
  const topics = topicDefinitions(names, 2).map(({ topic }) => topic);
  const channels = document?.channels().all() ?? [];
  expect(channels.map((channel) => channel.address()).sort()).toEqual(
    topics.filter((topic) => topic !== names.changelog).sort(),
  );
  const messages = new Map(channels.flatMap((channel) => channel.messages().all()).map((one) => [one.id(), one]));
  const columnsOf = (id: string) => Object.keys(messages.get(id)?.payload()?.properties() ?? {});
  expect(columnsOf('row')).toEqual(STATE_COLUMNS);
  expect(columnsOf('visit')).toEqual(VISIT_COLUMNS);
  for (const id of ['tombstone', 'erased', 'erasedVisit', 'forgottenName'])
    expect(messages.get(id)?.payload()?.type()).toBe('null');
});
