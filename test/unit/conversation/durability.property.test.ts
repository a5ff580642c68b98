import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import type { ConversationEvent } from '../../../src/conversation/event';
import { DEFAULT_FOLD_SETTINGS, type FoldSettings, type VisitRecord } from '../../../src/conversation/folded';
import { type Applied, createPartitionFold } from '../../../src/conversation/partition';
import type { ConversationState } from '../../../src/conversation/state';
import { createPackedStates } from '../../../src/conversation/states';
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

describe('states that are kept as bytes', () => {
  test.each(['disconnect', 'acw'] as const)(
    'give the same as plain ones, byte for byte, whenever they are restored, CLOSE_AFTER=%s',
    async (closeAfter) => {
      const [, rows, changelog, visits] = await codecs;
      const settings = settingsOf(closeAfter);
      const encode = (state: ConversationState): Buffer => changelog.encode({ state, checkpoint: null });
      const decode = (_: string, bytes: Buffer): ConversationState => {
        const decoded = changelog.decode(bytes);
        if (!decoded.ok || decoded.value.state === null) throw new Error('cannot be read back');
        return decoded.value.state;
      };
      const open = (kept: ReadonlyMap<string, Buffer>) => {
        const states = createPackedStates({ encode, decode }, 2);
        const partition = createPartitionFold(settings, states);
        for (const [id, bytes] of kept) {
          states.load(id, bytes);
          const head = changelog.headOf(bytes);
          if (!head.ok) throw new Error(head.message);
          partition.restoreKept(id, head.value);
        }
        return { states, partition };
      };
      const written = ({ records, visits: shown, ...applied }: Applied): object => ({
        ...applied,
        records: records.map((each) => ({ ...each, row: each.row === null ? null : rows.encode(each.row) })),
        visits: shown.map((each) => ({ ...each, visit: visits.encode(each.visit) })),
      });
      fc.assert(
        fc.property(stream(14), moments, moments, moments, (lines, commits, aborts, restarts) => {
          const plain = createPartitionFold(settings);
          const known = new Map<string, Buffer>();
          const kept = new Map<string, Buffer>();
          let packed = open(kept);
          /** What an aborted transaction had folded: folded again, as the log gives it again. */
          let since: ConversationEvent[] = [];
          for (const [n, line] of lines.entries()) {
            const event = eventOf(line);
            if (event !== null) {
              expect(written(packed.partition.apply(event))).toEqual(written(plain.apply(event)));
              since.push(event);
            }
            expect(packed.partition.live).toBe(plain.live);
            expect(packed.partition.nextDeadline() === null).toBe(plain.nextDeadline() === null);
            if (aborts.has(n)) {
              for (const [id, state] of packed.partition.takeChanges()) if (state !== null) packed.states.pack(id);
              packed = open(kept);
              for (const each of since) packed.partition.apply(each);
            }
            if (!commits.has(n) && !restarts.has(n)) continue;
            for (const [id, state] of plain.takeChanges()) {
              if (state === null) known.delete(id);
              else known.set(id, encode(state));
            }
            for (const [id, state] of packed.partition.takeChanges()) {
              if (state === null) kept.delete(id);
              else kept.set(id, packed.states.pack(id));
            }
            since = [];
            expect(hexOf(kept)).toEqual(hexOf(known));
            if (restarts.has(n)) packed = open(kept);
          }
          const sorted = (all: Iterable<object>): string[] => [...all].map((each) => JSON.stringify(each)).sort();
          expect(sorted(packed.partition.rows())).toEqual(sorted(plain.rows()));
          expect(sorted(packed.partition.visits())).toEqual(sorted(plain.visits()));
        }),
        { numRuns: 100 },
      );
    },
  );
});

function hexOf(values: ReadonlyMap<string, Buffer>): object {
  return Object.fromEntries([...values].map(([id, bytes]) => [id, bytes.toString('hex')]));
}

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
