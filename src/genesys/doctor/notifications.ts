import { setTimeout as sleep } from 'node:timers/promises';
import { z } from 'zod';
import { failed, type Finding, type Findings, messageOf, ok, skipped, warning } from '../../common';
import { openConnection } from '../channels/connection';
import { createChannel, queueTopic, subscribe } from '../channels/subscriptions';
import { DEFAULT_TIMINGS } from '../timings';
import type { Asker } from './asker';
import { grant } from './permissions';

const CHANNELS = '/api/v2/notifications/channels';
/** If a client opens a 21st channel, Genesys removes one of the 20. */
const CHANNELS_OF_A_CLIENT = 20;
const KIB = 1024;

const ChannelList = z.object({ entities: z.array(z.unknown()).default([]) });

export interface NotificationsOptions {
  readonly asker: Asker;
  /** A watched queue. */
  readonly queueId: string;
  readonly openTimeoutMs: number;
  /** Silence before a ping is sent. */
  readonly pingAfterMs: number;
}

/**
 * Subscribes to one queue, and opens a socket until a frame comes. This takes one of the 20 channels of the client
 * until it expires, because Genesys cannot close a channel. It never takes the last ones, which a running bridge needs
 * to replace its channels.
 */
export async function checkNotifications(options: NotificationsOptions): Promise<Findings> {
  const { asker, queueId } = options;
  const [subscription, socket] = ['genesys subscription', 'genesys websocket'] as const;
  const before = await countChannels(asker);
  if (before !== null && before >= CHANNELS_OF_A_CLIENT - 1) {
    const why = `this client has ${before} of ${CHANNELS_OF_A_CLIENT} channels, and one more might take a channel from a running bridge`;
    return [
      warning(
        subscription,
        `not tried: ${why}`,
        'Genesys removes a channel a day after its last use. Try again later.',
      ),
      skipped(socket, 'doctor opened no channel'),
    ];
  }
  const channel = await createChannel(asker.rest);
  try {
    const [rejection] = await subscribe(asker.rest, channel, [queueTopic(queueId)], 'replace');
    if (rejection !== undefined) {
      const missing = rejection.missingPermissions;
      const why = [rejection.reason, ...missing].filter((part) => part !== null).join(': ');
      return [
        failed(
          subscription,
          `Genesys refuses the conversations of a queue${why === '' ? '' : ` (${why})`}`,
          missing.length > 0 ? grant(missing) : 'Ask Genesys why, or take the queue out of QUEUES.',
        ),
        await checkSocket(socket, channel.connectUri, options),
      ];
    }
    const count =
      before === null
        ? ''
        : `; the client now has ${before + 1} of ${CHANNELS_OF_A_CLIENT} channels, and this one stays for a day`;
    return [ok(subscription, `permitted${count}`), await checkSocket(socket, channel.connectUri, options)];
  } finally {
    await asker.ask('DELETE', `${CHANNELS}/${encodeURIComponent(channel.id)}/subscriptions`).catch(() => undefined);
  }
}

async function countChannels({ rest }: Asker): Promise<number | null> {
  try {
    const { entities } = await rest.send({ method: 'GET', path: CHANNELS, route: CHANNELS, answer: ChannelList });
    return entities.length;
  } catch {
    return null;
  }
}

async function checkSocket(
  name: string,
  connectUri: string,
  { openTimeoutMs, pingAfterMs }: NotificationsOptions,
): Promise<Finding> {
  const { host } = new URL(connectUri);
  const stopping = new AbortController();
  const startedAt = Date.now();
  let hear: (what: string) => void = () => undefined;
  const heard = new Promise<string>((resolve) => (hear = resolve));
  try {
    const deadAfterMs = pingAfterMs + openTimeoutMs;
    const connection = await openConnection({
      connectUri,
      timings: { ...DEFAULT_TIMINGS, openTimeoutMs, pingAfterMs, deadAfterMs },
      signal: stopping.signal,
      maxFrameBytes: 32 * KIB * KIB,
      onFrame: () => hear('a notification'),
      onAny: (kind) => hear(kind ?? 'a notification'),
    });
    const openMs = Date.now() - startedAt;
    const first = await Promise.race([heard, connection.ended, sleep(deadAfterMs, 'silence', { ref: false })]);
    connection.close();
    if (typeof first === 'string' && first !== 'silence' && first !== 'gone') {
      return ok(name, `open at ${host} in ${openMs} ms, and ${first} came`);
    }
    const why = typeof first === 'string' ? first : `${first.reason}: ${first.detail}`;
    return failed(name, `open at ${host}, but nothing came (${why})`, 'Does a proxy or firewall hold frames back?');
  } catch (error) {
    const remedy = `Let this machine reach ${host} (TLS, websocket), or set HTTPS_PROXY.`;
    return failed(name, messageOf(error), remedy);
  } finally {
    stopping.abort();
  }
}
