import { z } from 'zod';
import { fault, milliseconds, share } from './fault';

/** Sockets and channels: faults of the streaming service and the network. */
export const SOCKET_FAULTS = {
  'sockets-half-open': fault(
    'open sockets stay open without a word, for ever',
    { share },
    ({ levers, random, hit }, parameters) => {
      hit(levers.sockets.mute(() => random.chance(parameters.share)));
      return null;
    },
  ),
  'sockets-dropped': fault('open sockets are cut', { share }, ({ levers, random, hit }, parameters) => {
    hit(levers.sockets.drop(() => random.chance(parameters.share)));
    return null;
  }),
  'heartbeats-stopped': fault('no heartbeats; all else goes on, pings are answered', {}, ({ levers, hit }) => {
    levers.sockets.stopHeartbeats();
    hit(levers.sockets.count);
    return levers.sockets.startHeartbeats;
  }),
  'sockets-closing': fault(
    'v2.system.socket_closing, and after the notice the sockets are closed',
    { share, noticeMs: milliseconds.optional() },
    ({ levers, random, hit }, { share: part, noticeMs = levers.closingNoticeMs }) => {
      hit(levers.sockets.announceClosing(noticeMs, () => random.chance(part)));
      return null;
    },
  ),
  'upgrades-refused': fault(
    'no new socket opens',
    { status: z.union([z.literal(403), z.literal(503)]).optional() },
    ({ levers, random, hit }, { status = random.pick([403, 503] as const) }) => {
      levers.sockets.refuse(status, () => hit());
      return () => levers.sockets.refuse(null);
    },
  ),
  'channels-expired': fault(
    'channels are gone: {"result":"404"} on their sockets, 404 for requests',
    { share },
    ({ levers, random, hit }, parameters) => {
      hit(levers.channels.end(() => random.chance(parameters.share)));
      return null;
    },
  ),
  'oldest-channel-removed': fault(
    'as if somebody else with the same client had created a 21st',
    {},
    ({ levers, hit }) => {
      if (levers.channels.endOldest()) hit();
      return null;
    },
  ),
  'subscriptions-rejected': fault(
    'topics are rejected for missing permissions; subscriptions that exist stay',
    { share, missingPermissions: z.array(z.string()).min(1).default(['conversation:communication:view']) },
    ({ levers, random, hit }, { share: part, missingPermissions }) => {
      levers.object(() => {
        if (!random.chance(part)) return null;
        hit();
        return { rejectionReason: 'Missing permissions', missingPermissions };
      });
      return () => levers.object(null);
    },
  ),
} as const;
