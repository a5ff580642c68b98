import { readdirSync, readFileSync, existsSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { ACW_TIMEOUT_MS, RETENTION_MS, stream } from '../../support/conversation/conversation-arbitraries';
import { foldedRecords, foldedVisits } from '../../support/conversation/conversation-fold';
import { visitLines } from '../../support/conversation/visit-arbitraries';
import { lastVisits, linesOf, visitCases } from '../../support/conversation/visit-cases';
import { naiveRecords, naiveVisitRecords } from '../../support/naive/naive-model';

/** Streams a mode; `PROPERTY_RUNS=200` looks further, for half an hour. */
const RUNS = 250;

/** The fold against an independent model that was written from the specification alone (test/support/naive/naive-*.ts). */
const cases = join(__dirname, '../../fixtures/cases');

describe('the naive model gives the worked cases', () => {
  const names = readdirSync(cases)
    .filter((file) => file.endsWith('.input.ndjson'))
    .map((file) => file.replace('.input.ndjson', ''));
  const lines = (file: string): string[] =>
    readFileSync(join(cases, file), 'utf8')
      .split('\n')
      .filter((line) => line !== '');

  test.each(names)('%s', (name) => {
    const closeAfter = existsSync(join(cases, `${name}.options.json`)) ? 'acw' : 'disconnect';
    const settings = { closeAfter, acwTimeoutMs: 15 * 60_000, endedRetentionMs: 60 * 60_000 } as const;
    const expected = lines(`${name}.expected.ndjson`).map((line) => JSON.parse(line) as unknown);
    expect(naiveRecords(lines(`${name}.input.ndjson`), settings)).toEqual(expected);
  });
});

describe('the fold writes what the naive model writes', () => {
  test.each(['disconnect', 'acw'] as const)('with CLOSE_AFTER=%s', (closeAfter) => {
    const settings = { closeAfter, acwTimeoutMs: ACW_TIMEOUT_MS, endedRetentionMs: RETENTION_MS };
    fc.assert(
      fc.property(stream(14), (lines) => {
        expect(foldedRecords(lines, settings)).toEqual(naiveRecords(lines, settings));
      }),
      { numRuns: RUNS },
    );
  });
});

describe('the naive model gives the worked cases of visits', () => {
  const settings = { closeAfter: 'disconnect', acwTimeoutMs: 15 * 60_000, endedRetentionMs: 60 * 60_000 } as const;
  test.each(visitCases())('%s', (name) => {
    expect(lastVisits(naiveVisitRecords(linesOf(name, 'input'), settings))).toEqual(
      linesOf(name, 'expected').map((line) => JSON.parse(line) as unknown),
    );
  });
});

describe('the fold writes the visits that the naive model writes, version for version', () => {
  test.each(['disconnect', 'acw'] as const)('of nasty streams, with CLOSE_AFTER=%s', (closeAfter) => {
    const settings = { closeAfter, acwTimeoutMs: ACW_TIMEOUT_MS, endedRetentionMs: RETENTION_MS };
    fc.assert(
      fc.property(stream(14), (lines) => {
        expect(foldedVisits(lines, settings)).toEqual(naiveVisitRecords(lines, settings));
      }),
      { numRuns: RUNS },
    );
  });

  const settings = { closeAfter: 'disconnect', acwTimeoutMs: ACW_TIMEOUT_MS, endedRetentionMs: RETENTION_MS } as const;

  test('after a gone that ends nothing, for only supervisors are there: its communications keep their fields', () => {
    const monitored = (receivedAt: string, connectedTime: string): string =>
      JSON.stringify({
        receivedAt,
        event: {
          id: 'c1',
          participants: [
            {
              id: 'p1',
              purpose: 'acd',
              queueId: 'Q1',
              monitoredParticipantId: 'p2',
              calls: [{ id: 'leg', state: 'connected', connectedTime }],
            },
          ],
        },
      });
    const lines = [
      monitored('2026-03-02T09:01:40.000Z', '2026-03-02T09:00:00.000Z'),
      JSON.stringify({ receivedAt: '2026-03-02T09:01:41.000Z', gone: { id: 'c1' } }),
      monitored('2026-03-02T09:01:42.000Z', '2026-03-02T09:00:05.000Z'),
    ];
    const folded = foldedVisits(lines, settings);
    expect(folded).toEqual(naiveVisitRecords(lines, settings));
    expect(folded.map((visit) => [visit['outcome'], visit['entered_time']])).toEqual([
      ['waiting', '2026-03-02T09:00:00.000Z'],
      ['unknown', '2026-03-02T09:00:00.000Z'],
    ]);
  });

  test('of the visits of a day', () => {
    fc.assert(
      fc.property(visitLines(), (lines) => {
        expect(foldedVisits(lines, settings)).toEqual(naiveVisitRecords(lines, settings));
      }),
      { numRuns: RUNS },
    );
  });

  test('and such days have each outcome, missed offers and conversations that were answered twice', () => {
    const days = fc
      .sample(visitLines(), { seed: 11, numRuns: 500 })
      .map((lines) => lastVisits(foldedVisits(lines, settings)));
    const visits = days.flat();
    const outcomes = new Set(visits.map(({ outcome }) => outcome));
    expect([...outcomes].sort()).toEqual(['abandoned', 'answered', 'flowed_out', 'unknown', 'waiting']);
    expect(visits.some((visit) => Number(visit['offers_missed']) > 0)).toBe(true);
    expect(days.some((day) => day.filter(({ outcome }) => outcome === 'answered').length > 1)).toBe(true);
  });
});
