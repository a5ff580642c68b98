import { isDeepStrictEqual } from 'node:util';
import { beforeAll, describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { maskEvent, type PrivacyMask, DEFAULT_LIMITS } from '../../../src/conversation';
import { createIngest, type IngestOptions } from '../../../src/ingest';
import { recordMinimised, recordRaw, type RecordFrame } from '../../../src/record/recording-line';
import { generateEvents } from '../../../src/simulator';
import { ACW_TIMEOUT_MS, RETENTION_MS, stream } from '../../support/conversation/conversation-arbitraries';
import { aConversation, notification } from '../../support/conversation/conversation-builders';
import { foldedRecords } from '../../support/conversation/conversation-fold';
import { readLine } from '../../support/conversation/read-line';
import { broken, marksEverywhere, MOST_BYTES, skipped, type Json } from '../../support/genesys/personal-frames';
import { ingestOptions } from '../../support/ingest/ingest-options';

const AT = Date.parse('2026-03-02T09:00:00.123Z');

let base: IngestOptions;
let minimise: RecordFrame;

beforeAll(async () => {
  base = await ingestOptions();
  minimise = minimiseWith({});
});

function minimiseWith(differences: Partial<IngestOptions>): RecordFrame {
  return recordMinimised(createIngest({ ...base, ...differences }));
}

interface Frame {
  readonly text: string;
  readonly at: number;
}

function recorded(frames: readonly Frame[], record: RecordFrame): string[] {
  return frames.flatMap(({ text, at }) => {
    return record(text, at).flatMap((one) => (one.kind === 'line' ? [one.line] : []));
  });
}

/** What a socket could have brought: events of every shape. */
function framesOf(lines: readonly string[]): Frame[] {
  return lines.flatMap((line) => {
    const { receivedAt, event } = JSON.parse(line) as { receivedAt?: string; event?: unknown };
    return event === undefined ? [] : [{ text: JSON.stringify(event), at: Date.parse(String(receivedAt)) }];
  });
}

describe('a minimised recording', () => {
  test('a minimized recording gives exactly the records of the raw one', () => {
    let records = 0;
    const settings = { closeAfter: 'acw', acwTimeoutMs: ACW_TIMEOUT_MS, endedRetentionMs: RETENTION_MS } as const;
    fc.assert(
      fc.property(stream(20), (lines) => {
        const frames = framesOf(lines);
        const expected = foldedRecords(recorded(frames, recordRaw), settings);
        expect(foldedRecords(recorded(frames, minimise), settings)).toEqual(expected);
        records += expected.length;
      }),
      { numRuns: 150 },
    );
    expect(records).toBeGreaterThan(30);
  });

  test('is read as the very same events, masked ones included', () => {
    const masks: readonly (PrivacyMask | null)[] = [null, { columns: new Set(['ani', 'subject'] as const), key: 'k' }];
    const stream = generateEvents({ seed: 9, conversations: 40, personalData: true, mark: 'zzPRIVATEzz' });
    const frames = [...stream].map(({ at, frame }) => ({ at, text: JSON.stringify(frame) }));
    expect(frames.length).toBeGreaterThan(500);
    for (const mask of masks) {
      const record = minimiseWith({ mask });
      for (const { text, at } of frames) {
        const original = readLine(Buffer.from(text), at);
        const [one] = record(text, at);
        if (one === undefined) throw new Error('a frame gives something');
        expect(one.kind).toBe(original?.kind === 'event' ? 'line' : original?.kind);
        if (one.kind !== 'line' || original?.kind !== 'event') continue;
        const event = mask === null ? original.event : maskEvent(original.event, mask);
        const again = readLine(Buffer.from(one.line), 0);
        // Jest's own comparison is too slow for every event.
        if (again?.kind !== 'event' || !isDeepStrictEqual(again.event, event)) {
          expect(again).toMatchObject({ kind: 'event', event });
        }
      }
    }
  });

  test('holds nothing personal that the table does not use, of whatever is sent', () => {
    const [mark, word] = ['zzPRIVATEzz', 'somebodysownfield'];
    const record = minimiseWith({ limits: { ...DEFAULT_LIMITS, bytes: MOST_BYTES } });
    let count = 0;
    let frames = 0;
    for (const { frame } of generateEvents({ seed: 3, conversations: 20, personalData: true, mark })) {
      const marked = marksEverywhere(frame as unknown as Json, { mark, word });
      const others = frames++ % 8 === 0 ? [...broken(marked, mark), ...skipped(marked, mark)] : [];
      const texts = [JSON.stringify(marked), ...others];
      for (const line of recorded(
        texts.map((text) => ({ text, at: AT })),
        record,
      )) {
        count++;
        expect(line).not.toContain(mark);
        expect(line).not.toContain(word);
      }
    }
    expect(count).toBeGreaterThan(100);
  });
});

describe('a raw recording', () => {
  const frame = notification(aConversation('c1').called().body);

  test('has the frame as it came, in one line', () => {
    const [line] = recordRaw(JSON.stringify(frame, null, 2), AT);
    if (line?.kind !== 'line') throw new Error('not a line');
    expect(line.line).not.toContain('\n');
    expect(JSON.parse(line.line)).toEqual({ receivedAt: '2026-03-02T09:00:00.123Z', event: frame });
  });

  test('keeps what is no JSON as a line that is invalid in a replay, too', () => {
    const [line = ''] = recorded([{ text: '{"id":\n"c1"', at: AT }], recordRaw);
    expect(readLine(Buffer.from(line), 0)).toMatchObject({ kind: 'invalid', reason: 'not-json' });
  });
});
