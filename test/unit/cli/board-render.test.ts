import { stripVTControlCharacters } from 'node:util';
import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { boardModel, renderBoard, type BoardModel } from '../../../src/cli/board';
import { fit, truncate, widthOf } from '../../../src/cli/board/width';
import { aWaitingCall, NOW } from './board-support';

const WHERE: BoardModel['where'] = [
  ['Kafka', '127.0.0.1:41234'],
  ['registry', 'http://127.0.0.1:41235/apis/ccompat/v7'],
  ['SQL', 'http://127.0.0.1:8123'],
  ['metrics', 'http://127.0.0.1:9464/metrics'],
];

function aModel(names: readonly string[] = ['Support', 'Orders', 'Complaints']) {
  const rows = names.flatMap((_, queue) =>
    [0, 1, 2].map((index) =>
      aWaitingCall({
        conversation_id: `c${queue}-${index}`,
        queue_id: `q${queue}`,
        db_when_created: NOW - 1000 * (queue + index),
        queue_connected_time: NOW - 100_000 * (queue + 1),
        ...(index === 0 ? { purpose: 'agent', user_id: 'u1', waiting: false } : {}),
      }),
    ),
  );
  return boardModel(rows, NOW, { where: WHERE, names: new Map(names.map((name, index) => [`q${index}`, name])) });
}

const plain = { columns: 100, rows: 30, color: false };

describe('the board', () => {
  test('shows what runs where, the queues, the newest conversations and how to end it', () => {
    const lines = renderBoard(aModel(), plain);
    const text = lines.join('\n');
    expect(lines[0]).toContain('9 live  6 waiting  oldest 5:00  0 alerting  3 talking');
    for (const [label, value] of WHERE) expect(text).toContain(`${label} ${value}`);
    expect(text).toMatch(/QUEUE +WAITING +OLDEST +ALERTING +TALKING +AFTER-CALL WORK/);
    expect(text).toMatch(/Support +2 +1:40 +0 +1 +0/);
    expect(text).toMatch(/TIME UTC +MEDIA +QUEUE +STATE +PURPOSE +WAITING +AGENT/);
    expect(text).toMatch(/11:59:00 +Voice +Support +connected +agent +u1/);
    expect(lines.at(-1)).toContain('Ctrl-C');
  });

  test('shows names of agents where they are known', () => {
    const rows = ['u1', 'u2'].map((user) => aWaitingCall({ conversation_id: user, purpose: 'agent', user_id: user }));
    const userName = (id: string): string | null => (id === 'u1' ? 'Ada Lovelace' : null);
    const text = renderBoard(boardModel(rows, NOW, { userName }), plain).join('\n');
    expect(text).toMatch(/agent .*Ada Lovelace/);
    expect(text).toMatch(/agent .*u2/);
    expect(text).not.toContain('u1');
  });

  test.each([120, 100, 80, 60, 44, 34])('at %d columns the queues, who waits and how long can be read', (columns) => {
    const lines = renderBoard(aModel(), { columns, rows: 40, color: false });
    for (const line of lines) expect(widthOf(line)).toBeLessThanOrEqual(columns);
    expect(lines.join('\n')).toMatch(/Support +2 +1:40/);
    // Addresses may be broken over lines; nothing of them is missing.
    for (const [, value] of WHERE) expect(lines.join('')).toContain(value);
  });

  test('addresses are broken behind a blank, and within a word only if it is longer than a line', () => {
    const where: BoardModel['where'] = [
      ['SQL', `http://127.0.0.1:8123 (with the token in /home/ada/sql-token), or: ${'queuefold query '.repeat(3)}`],
      ['Path', '/x'.repeat(60)],
      ['Kafka', 'none'],
    ];
    const lines = renderBoard(boardModel([], NOW, { where }), { ...plain, columns: 60 });
    expect(lines.slice(2, 5)).toEqual([
      'SQL http://127.0.0.1:8123 (with the token in ',
      '/home/ada/sql-token), or: queuefold query queuefold query ',
      'queuefold query ',
    ]);
    expect(lines.slice(5, 9)).toEqual(['Path ', '/x'.repeat(30), '/x'.repeat(30), 'Kafka none']);
  });

  test('it is as high as the window, whatever there is to show', () => {
    for (const rows of [5, 10, 24, 60]) expect(renderBoard(aModel(), { ...plain, rows })).toHaveLength(rows);
    expect(renderBoard(boardModel([], NOW), { ...plain, rows: 10 })).toHaveLength(10);
  });

  test('where not all queues fit, those with the longest wait stay and the others are summed up', () => {
    const names = Array.from({ length: 30 }, (_, index) => `Queue ${String(index).padStart(2, '0')}`);
    const text = renderBoard(aModel(names), { ...plain, rows: 20 }).join('\n');
    expect(text).toContain('Queue 29');
    expect(text).not.toMatch(/Queue 00 +2/);
    const [, others = '', waiting = ''] = /… (\d+) more +(\d+)/.exec(text) ?? [];
    expect(Number(waiting)).toBe(2 * Number(others));
    expect(text).toContain('TIME UTC');
  });

  test('colour changes no character', () => {
    const colored = renderBoard(aModel(), { ...plain, color: true });
    expect(colored.join('')).toContain('\u001B[');
    expect(colored.map((line) => stripVTControlCharacters(line))).toEqual(renderBoard(aModel(), plain));
  });

  test('notes are shown above the footer, the newest three', () => {
    const lines = renderBoard(aModel(), { ...plain, notes: ['one', 'two', 'three', 'four'] });
    expect(lines.slice(-4, -1)).toEqual(['two', 'three', 'four']);
  });

  test('a queue whose name has escape sequences and line ends cannot break the terminal', () => {
    const lines = renderBoard(aModel(['\u001B[2J\u001B]0;title\u0007\r\nevil\u009B31m']), plain);
    for (const line of lines) expect(line).not.toMatch(/\p{Cc}/u);
    expect(lines).toHaveLength(plain.rows);
  });

  test('no window and no text whatsoever makes a line that is too wide', () => {
    const size = fc.record({ columns: fc.integer({ min: 1, max: 200 }), rows: fc.integer({ min: 1, max: 60 }) });
    const names = fc.array(fc.string({ unit: 'binary' }), { minLength: 1, maxLength: 8 });
    fc.assert(
      fc.property(size, names, (window, texts) => {
        const lines = renderBoard(aModel(texts), { ...window, color: false, notes: texts });
        expect(lines).toHaveLength(window.rows);
        // One wide character is the least that a line shows.
        for (const line of lines) expect(widthOf(line)).toBeLessThanOrEqual(Math.max(2, window.columns));
      }),
      { numRuns: 40 },
    );
  });
});

describe('the width of a text', () => {
  test.each([
    ['abc', 3],
    ['日本', 4],
    ['e\u0301', 1],
    ['👩‍👩‍👧', 2],
    ['❤️', 2],
    ['한글', 4],
    ['', 0],
  ])('%s takes %d cells', (text, width) => {
    expect(widthOf(text)).toBe(width);
  });

  test('cutting never halves a character', () => {
    expect(truncate('日本語', 4)).toBe('日…');
    expect(truncate('日本語', 5)).toBe('日本…');
    expect(truncate('日本語', 6)).toBe('日本語');
    expect(truncate('cafe\u0301s', 5)).toBe('cafe\u0301s');
    expect(truncate('cafe\u0301s', 4)).toBe('caf…');
  });

  test('padding fills to the cell', () => {
    expect(fit('日', 4)).toBe('日  ');
    expect(fit('7', 3, 'right')).toBe('  7');
  });

  test('a tower of accents is one replacement character', () => {
    expect(fit(`a${'\u0301'.repeat(100)}b`, 3)).toBe('\u{FFFD}b ');
  });
});
