import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { DEFAULT_FOLD_SETTINGS, type FoldSettings, type VisitRecord } from '../../../src/conversation/folded';
import { createPartitionFold } from '../../../src/conversation/partition';
import type { ConversationState } from '../../../src/conversation/state';
import {
  createChangelogCodec,
  createEventReader,
  createLocalSchemas,
  createRowCodec,
  createVisitCodec,
  topicNames,
} from '../../../src/log';
import { ACW_TIMEOUT_MS, RETENTION_MS, stream } from '../../support/conversation/conversation-arbitraries';
import { eventOf, printed, type PrintedRecord } from '../../support/conversation/conversation-fold';

/** Architecture: any process may be killed at any time, and goes on from the changelog as if nothing had happened. */
const schemas = createLocalSchemas();
const topics = topicNames('test');
const codecs = Promise.all([
  createEventReader(schemas, topics),
  createRowCodec(schemas, topics),
  createChangelogCodec(schemas, topics),
  createVisitCodec(schemas, topics),
]);

interface Run {
  readonly records: readonly PrintedRecord[];
  readonly visits: readonly VisitRecord[];
  /** The compacted changelog at the end. */
  readonly known: ReadonlyMap<string, ConversationState>;
}

interface Wiring {
  /** After these many events a transaction ends. */
  readonly commits: ReadonlySet<number>;
  /** After these many events the process is replaced by one that knows the changelog only. */
  readonly restarts: ReadonlySet<number>;
  readonly written: (state: ConversationState) => ConversationState;
}

function run(lines: readonly string[], settings: FoldSettings, wiring: Wiring): Run {
  const known = new Map<string, ConversationState>();
  const records: PrintedRecord[] = [];
  const visits: VisitRecord[] = [];
  let partition = createPartitionFold(settings);
  const commit = (): void => {
    for (const [id, state] of partition.takeChanges()) {
      if (state === null) known.delete(id);
      else known.set(id, wiring.written(state));
    }
  };
  for (const [n, line] of lines.entries()) {
    const event = eventOf(line);
    if (event !== null) {
      const applied = partition.apply(event);
      records.push(...applied.records.map(printed));
      visits.push(...applied.visits);
    }
    if (wiring.commits.has(n) || wiring.restarts.has(n)) commit();
    if (!wiring.restarts.has(n)) continue;
    partition = createPartitionFold(settings);
    for (const [id, state] of known) partition.restore(id, state);
  }
  commit();
  return { records, visits, known };
}

const asIs = (state: ConversationState): ConversationState => state;
const moments = fc.uniqueArray(fc.integer({ min: 0, max: 13 })).map((all) => new Set(all));
const settingsOf = (closeAfter: 'disconnect' | 'acw'): FoldSettings => ({
  ...DEFAULT_FOLD_SETTINGS,
  closeAfter,
  acwTimeoutMs: ACW_TIMEOUT_MS,
  endedRetentionMs: RETENTION_MS,
});

describe.each(['disconnect', 'acw'] as const)('the fold with CLOSE_AFTER=%s', (closeAfter) => {
  const settings = settingsOf(closeAfter);
  const undisturbed: Wiring = { commits: new Set(), restarts: new Set(), written: asIs };

  test('gives the same whatever the boundaries of batches', () => {
    fc.assert(
      fc.property(stream(14), moments, (lines, commits) => {
        expect(run(lines, settings, { ...undisturbed, commits })).toEqual(run(lines, settings, undisturbed));
      }),
      { numRuns: 100 },
    );
  });

  test('written to the changelog, read back and gone on with, gives the same', async () => {
    const [, , changelog] = await codecs;
    const written = (state: ConversationState): ConversationState => {
      const decoded = changelog.decode(changelog.encode({ state, checkpoint: null }));
      if (!decoded.ok || decoded.value.state === null) throw new Error('cannot be read back');
      expect(decoded.value.state).toEqual(state);
      return decoded.value.state;
    };
    fc.assert(
      fc.property(stream(14), moments, (lines, restarts) => {
        const restarted = run(lines, settings, { ...undisturbed, restarts, written });
        expect(restarted).toEqual(run(lines, settings, undisturbed));
      }),
      { numRuns: 100 },
    );
  });
});

describe('what goes through Kafka', () => {
  test('events and rows are read as they were written, but for the source', async () => {
    const [events, rows, , visits] = await codecs;
    fc.assert(
      fc.property(stream(6), (lines) => {
        const partition = createPartitionFold(settingsOf('disconnect'));
        for (const line of lines) {
          const event = eventOf(line);
          if (event === null) continue;
          const { source, ...read } = event;
          expect(source).not.toBe('');
          const value = { ...read, parts: [], hasRow: false, erase: false, visitsOf: [] };
          expect(events.decode(events.encode(event))).toEqual({ ok: true, value });
          const applied = partition.apply(event);
          for (const { visit } of applied.visits) {
            expect(visits.decode(visits.encode(visit))).toEqual({ ok: true, value: visit });
          }
          for (const { row } of applied.records) {
            if (row !== null) expect(rows.decode(rows.encode(row))).toEqual({ ok: true, value: row });
          }
        }
      }),
      { numRuns: 100 },
    );
  });
});
