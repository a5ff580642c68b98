import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import type { Emission } from '../../../src/simulator/organisation';
import { createDelivery, type Delivery } from '../../../src/simulator/server/delivery';

let sequence = 0;
const emission = (conversationId: string): Emission => ({
  at: 0,
  sequence: (sequence += 1),
  conversationId,
  frame: { topicName: 'topic', eventBody: { id: conversationId, sequence } },
});

let heard: number[];
let listeners: number;
let delivery: Delivery;
beforeEach(() => {
  [sequence, listeners, heard] = [0, 1, []];
  delivery = createDelivery((_, text) => {
    if (listeners > 0) heard.push((JSON.parse(text) as { eventBody: { sequence: number } }).eventBody.sequence);
    return listeners;
  });
});
afterEach(() => delivery.stop());

describe('the delivery of notifications', () => {
  test('without rules passes everything on, in order', () => {
    for (const id of ['a', 'b', 'a']) delivery.send(emission(id));
    expect(heard).toEqual([1, 2, 3]);
    expect(delivery.stale()).toEqual([]);
  });

  test('remembers of which conversation a notification was lost, until it is heard of again', () => {
    const end = delivery.add(() => []);
    for (const id of ['a', 'b']) delivery.send(emission(id));
    end();
    expect(delivery.stale()).toEqual(['a', 'b']);
    delivery.send(emission('a'));
    expect(heard).toEqual([3]);
    expect(delivery.stale()).toEqual(['b']);
    // Nobody is connected: that is a gap, which clients know of, and it heals nothing.
    listeners = 0;
    delivery.send(emission('b'));
    expect(delivery.stale()).toEqual(['b']);
  });

  test('holds what is delayed, in order, and lets go of all of it in the end', () => {
    const end = delivery.add((delays) => delays.map((ms) => ms + 60_000));
    for (const id of ['a', 'b', 'a']) delivery.send(emission(id));
    expect(heard).toEqual([]);
    end();
    expect(heard).toEqual([1, 2, 3]);
    expect(delivery.stale()).toEqual([]);
  });

  test('lets go by itself when the time has come', async () => {
    delivery.add((delays) => delays.map((ms) => ms + 20));
    for (const id of ['a', 'b']) delivery.send(emission(id));
    while (heard.length < 2) await sleep(5);
    expect(heard).toEqual([1, 2]);
  });

  test('remembers a conversation of which an older notification came last', () => {
    const end = delivery.add((delays, { sequence: at }) => (at === 1 ? [60_000] : delays));
    for (const id of ['a', 'a']) delivery.send(emission(id));
    expect(heard).toEqual([2]);
    expect(delivery.stale()).toEqual([]);
    end();
    expect(heard).toEqual([2, 1]);
    expect(delivery.stale()).toEqual(['a']);
    delivery.send(emission('a'));
    expect(delivery.stale()).toEqual([]);
  });
});
