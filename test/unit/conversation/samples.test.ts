import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from '@jest/globals';
import { DEFAULT_FOLD_SETTINGS } from '../../../src/conversation/folded';
import { createPartitionFold } from '../../../src/conversation/partition';
import { printableVisit } from '../../../src/conversation/visit';
import { readLine } from '../../support/conversation/read-line';

/** Recorded from real organisations, published by others. */
const directory = join(__dirname, '../../fixtures/samples');
const RECEIVED_AT = Date.parse('2026-03-02T09:00:00.000Z');

function inputsOf(file: string): readonly unknown[] {
  const sample: unknown = JSON.parse(readFileSync(join(directory, file), 'utf8'));
  return Array.isArray(sample) ? (sample as readonly unknown[]) : [sample];
}

/** The last version of each visit. */
function visitsOf(file: string): readonly unknown[] {
  const partition = createPartitionFold(DEFAULT_FOLD_SETTINGS);
  const visits = new Map<string, unknown>();
  for (const input of inputsOf(file)) {
    const read = readLine(Buffer.from(JSON.stringify(input)), RECEIVED_AT);
    const folded = read?.kind === 'event' ? partition.apply(read.event) : null;
    for (const { visit } of folded?.visits ?? []) visits.set(visit.participant_id, printableVisit(visit));
  }
  return [...visits.values()];
}

/** By hand, from the times that stand in the recordings. */
const EXPECTED: Readonly<Record<string, readonly Readonly<Record<string, unknown>>[]>> = {
  // Due at 11:00:01.092. Four agents were alerted for half a minute each and did not answer; the fifth is being alerted.
  'rest-callback-agent-alerting.json': [
    {
      conversation_id: 'ffff-ffff-ffff-ffff',
      participant_id: 'c3e9babb-03d2-4b4e-ba44-b7c427d0a27f',
      queue_id: '0e185c02-aca1-4a72-82ea-2e78684e2c89',
      media_type: 'Callback',
      direction: 'outbound',
      consult: false,
      entered_time: '2022-07-04T11:00:01.092Z',
      left_time: null,
      outcome: 'waiting',
      disconnect_type: null,
      routing_skill_id: null,
      offers: 5,
      offers_missed: 4,
      answered_time: null,
      user_id: null,
      agent_participant_id: null,
      agent_communication_id: null,
      agent_left_time: null,
      db_last_updated: '2026-03-02T09:00:00.000Z',
    },
  ],
  // Due at 20:04:12.132; one agent rejected it at 20:04:35, one did not answer until 20:05:05, the third took it at
  // 20:07:20.528, which is 188,396 ms after it was due, and ended it at 20:08:25.397.
  'notification-callback-agent-ended-acw-pending.json': [
    {
      conversation_id: 'ffff-ffff-ffff-ffff',
      participant_id: 'a5d47ef7-3e85-4c2b-81cb-13590bdaa184',
      queue_id: '0e185c02-aca1-4a72-82ea-2e78684e2c89',
      media_type: 'Callback',
      direction: null,
      consult: false,
      entered_time: '2022-07-04T20:04:12.132Z',
      left_time: '2022-07-04T20:07:20.528Z',
      outcome: 'answered',
      disconnect_type: 'transfer',
      routing_skill_id: null,
      offers: 3,
      offers_missed: 2,
      answered_time: '2022-07-04T20:07:20.528Z',
      user_id: 'AGENT_USER_ID',
      agent_participant_id: '5151853c-ca28-48da-bdcd-f15c46f0712e',
      agent_communication_id: '19c34168-ccb5-45d5-a9d9-a89caf74e586',
      agent_left_time: '2022-07-04T20:08:25.397Z',
      db_last_updated: '2026-03-02T09:00:00.000Z',
    },
  ],
  // Of another topic: no snapshot of a conversation.
  'eventbridge-envelope.json': [],
  // Frames of the channel itself.
  'control-frames.json': [],
};

describe('every recorded sample gives the visits that its times say', () => {
  const files = readdirSync(directory).filter((file) => file.endsWith('.json'));

  test('each sample has its expectation', () => {
    expect(files.toSorted()).toEqual(Object.keys(EXPECTED).toSorted());
  });

  test.each(files)('%s', (file) => {
    expect(visitsOf(file)).toEqual(EXPECTED[file]);
  });
});
