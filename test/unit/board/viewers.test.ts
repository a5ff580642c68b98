import { EventEmitter } from 'node:events';
import type { ServerResponse } from 'node:http';
import { afterEach, beforeEach, describe, expect, jest, test } from '@jest/globals';
import { Picture } from '../../../src/board/picture';
import { createPresenter } from '../../../src/board/present';
import { type Freshness, Viewers } from '../../../src/board/viewers';
import { aRow } from '../../support/conversation/rows';

/** A browser's connection, which takes what it is given unless it is told not to. */
class Browser extends EventEmitter {
  text = '';
  writableLength = 0;
  isDestroyed = false;
  isSlow = false;

  write(text: string): boolean {
    this.text += text;
    if (this.isSlow) this.writableLength += Buffer.byteLength(text);
    return true;
  }
  end(): void {
    this.emit('close');
  }
  destroy(): void {
    this.isDestroyed = true;
    this.emit('close');
  }
  stream(): ServerResponse {
    return this as unknown as ServerResponse;
  }

  /** What it was told, in order. */
  events(name: string): readonly unknown[] {
    return [...this.text.matchAll(/^event: (\w+)\ndata: (.*)$/gm)]
      .filter(([, of]) => of === name)
      .map(([, , data]) => JSON.parse(data ?? '') as unknown);
  }
  lastId(): string {
    return [...this.text.matchAll(/^id: (.*)$/gm)].at(-1)?.[1] ?? '';
  }
}

const FRESH: Freshness = { ageMs: 5, problem: null };
const present = createPresenter({ names: { of: () => null }, show: undefined });
const waits = (queueId: string, waiting: number) => ({ queueId, live: { waiting } });
let freshness = FRESH;
let picture: Picture;
let viewers: Viewers;
beforeEach(() => {
  jest.useFakeTimers();
  freshness = FRESH;
  picture = new Picture({ rule: { targetMs: 20_000, shortAbandonMs: 5_000 }, dayStart: () => 0 }, Date.now());
  viewers = new Viewers({
    ...{ picture, freshness: () => freshness, epoch: 'this' },
    present: present.conversation,
    presentLine: present.line,
  });
});
afterEach(() => {
  viewers.stop();
  jest.useRealTimers();
});

const comes = (id: string, queue = 'q1'): void => picture.upsertRow(aRow({ conversation_id: id, queue_id: queue }));

describe('a viewer', () => {
  test('gets the picture, then the changes, at most four times a second', () => {
    comes('a');
    picture.turn(Date.now());
    const browser = new Browser();
    viewers.add(browser.stream(), null, undefined);
    expect(browser.events('picture')).toMatchObject([{ full: true, lines: [waits('q1', 1)], queue: null }]);
    comes('b');
    comes('c', 'q2');
    comes('d', 'q2');
    jest.advanceTimersByTime(250);
    expect(browser.events('picture').slice(1)).toMatchObject([
      {
        full: false,
        lines: [waits('q1', 2), waits('q2', 2)],
      },
    ]);
    jest.advanceTimersByTime(2_000);
    expect(browser.events('picture')).toHaveLength(2);
  });

  test('a viewer gets a large picture in several events, and has it with the last one', () => {
    for (let index = 0; index < 500; index += 1) comes(`c${index}`, `q${index}`);
    for (let index = 0; index < 500; index += 1)
      picture.upsertRow(aRow({ conversation_id: `e${index}`, queue_id: `q${index}`, media_type: 'Email' }));
    picture.turn(Date.now());
    const browser = new Browser();
    viewers.add(browser.stream(), 'q1', undefined);
    type Told = { full: boolean; more: boolean; lines: { queueId: string; media: string }[]; queue: unknown };
    const told = browser.events('picture') as readonly Told[];
    const keys = told.flatMap(({ lines }) => lines.map(({ queueId, media }) => `${queueId} ${media}`));
    expect(keys).toHaveLength(1_000);
    expect(new Set(keys).size).toBe(1_000);
    expect(told.length).toBeGreaterThan(2);
    expect(told.map(({ full }) => full)).toEqual(told.map((_, index) => index === 0));
    expect(told.map(({ more }) => more)).toEqual(told.map((_, index) => index < told.length - 1));
    expect(told.map(({ queue }) => queue !== null)).toEqual(told.map(({ more }) => !more));
    // Whoever gets an event can add up the queues in it.
    const queues = told.flatMap(({ lines }) => [...new Set(lines.map(({ queueId }) => queueId))]);
    expect(queues).toHaveLength(500);
    // A browser that lost the connection before the last event says that it has none of it.
    expect([...browser.text.matchAll(/^id: /gm)]).toHaveLength(1);
    expect(browser.text.indexOf('\nid: ')).toBeGreaterThan(browser.text.lastIndexOf('"more":true'));
  });

  test('a viewer gets a queue with many conversations in several events, and has it with the last one', () => {
    for (let index = 0; index < 300; index += 1) comes(`other${index}`, `other${index}`);
    for (let index = 0; index < 1_000; index += 1) comes(`c${index}`);
    picture.turn(Date.now());
    const browser = new Browser();
    viewers.add(browser.stream(), 'q1', undefined);
    type Told = {
      full: boolean;
      more: boolean;
      lines: unknown[];
      queue: { full: boolean; rows: { id: string }[]; gone: string[] } | null;
    };
    const told = browser.events('picture') as readonly Told[];
    expect(told.flatMap(({ lines }) => lines)).toHaveLength(301);
    const parts = told.flatMap(({ queue }) => queue ?? []);
    expect(new Set(parts.flatMap(({ rows }) => rows.map(({ id }) => id))).size).toBe(1_000);
    expect(Math.max(...parts.map(({ rows }) => rows.length))).toBeLessThanOrEqual(200);
    expect(parts.map(({ full }) => full)).toEqual(parts.map((_, index) => index === 0));
    expect(told.map(({ full }) => full)).toEqual(told.map((_, index) => index === 0));
    expect(told.map(({ more }) => more)).toEqual(told.map((_, index) => index < told.length - 1));
    expect([...browser.text.matchAll(/^id: /gm)]).toHaveLength(1);

    for (let index = 0; index < 700; index += 1) picture.deleteRow(`c${index}`);
    for (let index = 700; index < 1_000; index += 1)
      picture.upsertRow(aRow({ conversation_id: `c${index}`, queue_id: 'q1', state: 'alerting' }));
    jest.advanceTimersByTime(250);
    const changes = (browser.events('picture') as readonly Told[]).slice(told.length);
    expect(changes.map(({ queue }) => [queue?.full, queue?.rows.length, queue?.gone.length])).toEqual([
      [false, 200, 700],
      [false, 100, 0],
    ]);
  });

  test('gets conversations of its queue only', () => {
    const browser = new Browser();
    viewers.add(browser.stream(), 'q1', undefined);
    comes('a');
    comes('b', 'q2');
    jest.advanceTimersByTime(250);
    comes('a', 'q2');
    jest.advanceTimersByTime(250);
    expect(browser.events('picture').slice(1)).toMatchObject([
      { queue: { queueId: 'q1', rows: [{ id: 'a' }], gone: [] } },
      { queue: { queueId: 'q1', rows: [], gone: ['a'] } },
    ]);
  });

  test('that comes back gets what it has missed; one of another process gets everything', () => {
    comes('a');
    picture.turn(Date.now());
    const first = new Browser();
    viewers.add(first.stream(), null, undefined);
    first.end();
    comes('b', 'q2');
    jest.advanceTimersByTime(250);
    const again = new Browser();
    viewers.add(again.stream(), null, first.lastId());
    expect(again.events('picture')).toMatchObject([{ full: false, lines: [{ queueId: 'q2' }] }]);
    for (const id of ['other.1', 'this.999999', 'nonsense']) {
      const stranger = new Browser();
      viewers.add(stranger.stream(), null, id);
      expect(stranger.events('picture')).toMatchObject([{ full: true, lines: [{}, {}] }]);
    }
  });

  test('a slow viewer costs nothing more, gets the newest picture when it is ready, and loses its connection after a minute', () => {
    const browser = new Browser();
    viewers.add(browser.stream(), 'q1', undefined);
    browser.isSlow = true;
    browser.writableLength = 1_000_000;
    const before = browser.text.length;
    for (let second = 0; second < 30; second += 1) {
      comes(`c${second}`);
      jest.advanceTimersByTime(1_000);
    }
    expect(browser.text).toHaveLength(before);
    browser.writableLength = 0;
    browser.isSlow = false;
    jest.advanceTimersByTime(250);
    expect(browser.events('picture').at(-1)).toMatchObject({ lines: [waits('q1', 30)] });
    browser.writableLength = 1_000_000;
    comes('more');
    jest.advanceTimersByTime(62_000);
    expect(browser.isDestroyed).toBe(true);
    expect(viewers.size).toBe(0);
  });

  test('hears once a second how old the picture is, also while nothing happens', () => {
    const browser = new Browser();
    viewers.add(browser.stream(), null, undefined);
    expect(browser.events('beat')).toMatchObject([FRESH]);
    freshness = { ageMs: 9_000, problem: 'Kafka does not answer' };
    jest.advanceTimersByTime(3_000);
    expect(browser.events('beat').slice(1)).toMatchObject([freshness, freshness, freshness]);
  });
});
