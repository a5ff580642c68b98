import type { OutRecord } from '../../../src/log';
import type { Random } from '../../support/processes/random';
import type { Frame } from './input-corpus';

/** A frame, as a recording received at `at` (epoch ms), whole or mutated; or anything. */
export function mutatedLine(random: Random, frame: Frame, at: number): Buffer {
  const receivedAt = new Date(at).toISOString();
  const recording = `{"receivedAt":"${receivedAt}","event":${frame.text}}`;
  switch (random.below(8)) {
    case 0:
    case 1:
      return Buffer.from(recording);
    case 2:
      return Buffer.from(JSON.stringify(mutatedValue(random, { receivedAt, event: frame.value }, 4)));
    case 3:
      return Buffer.from(JSON.stringify(mutatedValue(random, frame.value, 4)));
    case 4:
      return mutatedBytes(random, Buffer.from(recording));
    case 5:
      return Buffer.from(recording.slice(0, random.below(recording.length)));
    case 6:
      return Buffer.from(recording.replaceAll(/"(id|queueId|connectedTime|subject)":"/g, () => `"${keyOf(random)}":"`));
    default:
      return anything(random);
  }
}

/** Of the seed, as all is here. */
function randomBytes(random: Random, length: number): Buffer {
  return Buffer.from(Array.from({ length }, () => random.below(256)));
}

function anything(random: Random): Buffer {
  switch (random.below(6)) {
    case 0:
      return randomBytes(random, random.below(300));
    case 1:
      return Buffer.from('['.repeat(random.below(2_000)));
    case 2:
      return Buffer.from(`{"id":"deep","participants":${'[{"a":'.repeat(random.below(400))}`);
    case 3:
      return Buffer.from(JSON.stringify(scalar(random)));
    case 4:
      return Buffer.from(' \t\r'.repeat(random.below(3)));
    default:
      return Buffer.from(JSON.stringify({ id: scalar(random), participants: scalar(random), gone: scalar(random) }));
  }
}

const KEYS = [
  'id',
  'participants',
  'calls',
  'emails',
  'purpose',
  'queueId',
  'state',
  'connectedTime',
  '__proto__',
  'a',
];

function keyOf(random: Random): string {
  return KEYS[random.below(KEYS.length)] ?? 'a';
}

function scalar(random: Random): unknown {
  switch (random.below(14)) {
    case 0:
      return null;
    case 1:
      return random.below(2) === 0;
    case 2:
      return random.below(1_000_000) - 500_000;
    case 3:
      return 1e308;
    case 4:
      return '';
    case 5:
      return '\ud800';
    case 6:
      return `\u0000\u2028\ufeff"'\\`;
    case 7:
      return 'x'.repeat(random.below(random.below(200) === 0 ? 300_000 : 100));
    case 8:
      return '2026-02-30T25:61:00Z';
    case 9:
      return '9999-12-31T23:59:59.999999999+23:59';
    case 10:
      return new Date(random.below(4_000_000_000) * 1_000).toISOString();
    case 11:
      return [];
    case 12:
      return {};
    default:
      return randomBytes(random, random.below(20)).toString('latin1');
  }
}

/** Some places of the value are replaced, removed, doubled or wrapped. */
function mutatedValue(random: Random, value: unknown, rate: number): unknown {
  if (random.below(100) < rate) return scalar(random);
  if (Array.isArray(value)) {
    const list = value.map((item) => mutatedValue(random, item, rate));
    const chance = random.below(20);
    if (chance === 0) return [...list, ...list];
    if (chance === 1) return list.slice(1);
    if (chance === 2) return [list];
    return list;
  }
  if (typeof value !== 'object' || value === null) return value;
  const entries = Object.entries(value).map(([key, item]): [string, unknown] => [
    random.below(60) === 0 ? keyOf(random) : key,
    mutatedValue(random, item, rate),
  ]);
  return Object.fromEntries(random.below(12) === 0 ? entries.slice(1) : entries);
}

function mutatedBytes(random: Random, bytes: Buffer): Buffer {
  const copy = Buffer.from(bytes);
  const changes = 1 + random.below(4);
  for (let change = 0; change < changes && copy.length > 0; change++)
    copy[random.below(copy.length)] = random.below(256);
  return random.below(3) === 0 ? copy.subarray(0, random.below(copy.length + 1)) : copy;
}

/** A record with damage to its value, its key or both; null: there is none to damage. */
export function damaged(
  random: Random,
  record: Pick<OutRecord, 'key' | 'value'> | null,
): Pick<OutRecord, 'key' | 'value'> {
  if (record?.value == null) return { key: randomBytes(random, 4), value: randomBytes(random, random.below(64)) };
  const { key, value } = record;
  switch (random.below(9)) {
    case 0:
      return { key: null, value };
    case 1:
      return { key: Buffer.alloc(0), value };
    case 2:
      return { key, value: null };
    case 3:
      return { key: Buffer.alloc(random.below(20_000), 'k'), value };
    case 4:
      return { key, value: value.subarray(0, random.below(value.length)) };
    case 5:
      return { key, value: randomBytes(random, random.below(200)) };
    case 6:
      return { key, value: Buffer.concat([value, randomBytes(random, 1 + random.below(8))]) };
    default:
      return { key, value: mutatedBytes(random, value) };
  }
}
