import { z } from 'zod';
import { fault, milliseconds, share } from './fault';

/** Sockets and channels: faults of the streaming service and the network. */
export const SOCKET_FAULTS = {
  'sockets-half-open': fault(
    'open sockets stay open and silent forever',
    { share },
    ({ levers, random, hit }, parameters) => {
      hit(levers.sockets.mute(() => random.chance(parameters.share)));
      return null;
    },
  ),
  'sockets-dropped': fault('open sockets break', { share }, ({ levers, random, hit }, parameters) => {
    hit(levers.sockets.drop(() => random.chance(parameters.share)));
    return null;
  }),
  'heartbeats-stopped': fault(
    'the server sends no heartbeats; everything else continues, and it answers pings',
    {},
    ({ levers, hit }) => {
      levers.sockets.stopHeartbeats();
      hit(levers.sockets.count);
      return () => levers.sockets.startHeartbeats();
    },
  ),
  'sockets-closing': fault(
    'the server announces v2.system.socket_closing, and closes the sockets after the notice',
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
    'channels are gone: their sockets get {"result":"404"}, and requests get 404',
    { share },
    ({ levers, random, hit }, parameters) => {
      hit(levers.channels.end(() => random.chance(parameters.share)));
      return null;
    },
  ),
  'oldest-channel-removed': fault(
    'the oldest channel is gone, as if somebody with the same client had created a 21st',
    {},
    ({ levers, hit }) => {
      if (levers.channels.endOldest()) hit();
      return null;
    },
  ),
  'subscriptions-rejected': fault(
    'the server rejects topics for missing permissions; existing subscriptions stay',
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
