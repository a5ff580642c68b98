import { createSchedule } from '../heap';
import type { Emission } from '../organisation';

/** The delivery of a notification: the delay of each copy, in milliseconds; no delay: it is lost. */
export type DeliveryRule = (delays: readonly number[], emission: Emission) => readonly number[];

export interface Delivery {
  send(emission: Emission): void;
  /** @returns a function that ends the rule, and at once sends all held notifications in their planned order */
  add(rule: DeliveryRule): () => void;
  /**
   * Conversations whose newest snapshot connected clients have not received last: it was lost, or an older one came
   * after it. Only a request can tell. The conversation's next notification removes it from the list.
   */
  stale(): readonly string[];
  stop(): void;
}

/** Carries notifications from the organization to the sockets. */
export function createDelivery(publish: (topic: string, text: string) => number): Delivery {
  const rules = new Set<DeliveryRule>();
  const held = createSchedule<Emission>();
  /** By conversation: how many notifications are held, and the newest body since one was held or lost. */
  const heldOf = new Map<string, number>();
  const newest = new Map<string, Emission['frame']['eventBody']>();
  const stale = new Set<string>();
  let timer: NodeJS.Timeout | undefined;

  function deliver({ conversationId: id, frame }: Emission): void {
    const taken = publish(frame.topicName, JSON.stringify(frame));
    if (taken === 0 || !newest.has(id)) return;
    if (newest.get(id) === frame.eventBody) stale.delete(id);
    else stale.add(id);
    if (!stale.has(id) && !heldOf.has(id)) newest.delete(id);
  }

  function release(until: number): void {
    for (let due = held.nextAt(); due !== null && due <= until; due = held.nextAt()) {
      const emission = held.take()?.item;
      if (!emission) break;
      const left = (heldOf.get(emission.conversationId) ?? 1) - 1;
      if (left === 0) heldOf.delete(emission.conversationId);
      else heldOf.set(emission.conversationId, left);
      deliver(emission);
    }
    clearTimeout(timer);
    const next = held.nextAt();
    if (next !== null) timer = setTimeout(() => release(Date.now()), Math.max(0, next - Date.now()));
  }

  return {
    send(emission) {
      const id = emission.conversationId;
      let delays: readonly number[] = [0];
      for (const rule of rules) delays = rule(delays, emission);
      const isPlain = delays.length === 1 && delays[0] === 0;
      if (!isPlain || newest.has(id) || heldOf.has(id)) newest.set(id, emission.frame.eventBody);
      if (delays.length === 0) stale.add(id);
      for (const delayMs of delays) {
        if (delayMs <= 0) {
          deliver(emission);
          continue;
        }
        held.add(Date.now() + delayMs, emission);
        heldOf.set(id, (heldOf.get(id) ?? 0) + 1);
      }
      if (held.size > 0) release(Date.now());
    },
    add(rule) {
      rules.add(rule);
      return () => {
        rules.delete(rule);
        release(Infinity);
      };
    },
    stale: () => [...stale].sort(),
    stop: () => clearTimeout(timer),
  };
}
