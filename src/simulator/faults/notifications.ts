import { fault, milliseconds, share, times } from './fault';
import { GIANTS } from './giants';

/**
 * Notifications: Genesys guarantees neither their order nor that each comes once. Conversations whose state clients can
 * then not know are `stale` (`Delivery.stale`).
 */
export const NOTIFICATION_FAULTS = {
  'notifications-lost': fault(
    'some notifications never come, without a gap',
    { share },
    ({ levers, random, hit }, parameters) =>
      levers.delivery.add((delays) => {
        if (delays.length === 0 || !random.chance(parameters.share)) return delays;
        hit();
        return [];
      }),
  ),
  'notifications-doubled': fault(
    'some notifications come twice, at once or a little later',
    { share, withinMs: milliseconds.default(1_000) },
    ({ levers, random, hit }, { share: part, withinMs }) =>
      levers.delivery.add((delays) => {
        if (!random.chance(part)) return delays;
        hit();
        return delays.flatMap((delayMs) => [delayMs, delayMs + random.integer(0, withinMs)]);
      }),
  ),
  'notifications-reordered': fault(
    'later notifications overtake earlier ones, also of the same conversation',
    { share, withinMs: milliseconds.default(500) },
    ({ levers, random, hit }, { share: part, withinMs }) =>
      levers.delivery.add((delays) => {
        if (!random.chance(part)) return delays;
        hit();
        return delays.map((delayMs) => delayMs + random.integer(0, withinMs));
      }),
  ),
  'notifications-delayed': fault(
    'all notifications come late, in their order',
    { byMs: milliseconds.default(2_000) },
    ({ levers, hit }, { byMs }) =>
      levers.delivery.add((delays) => {
        hit();
        return delays.map((delayMs) => delayMs + byMs);
      }),
  ),
  'giant-frames': fault(
    'frames of 16 MB, 10,000 participants or deep nesting come, each of a conversation of its own that is over',
    { count: times.default(1) },
    ({ levers, random, hit }, { count }) => {
      for (let sent = 0; sent < count; sent += 1) {
        for (const giant of GIANTS) {
          const topic = `v2.routing.queues.${random.pick(levers.organisation.queues).id}.conversations`;
          hit(levers.channels.publish(topic, giant(topic, random)));
        }
      }
      return null;
    },
  ),
} as const;
