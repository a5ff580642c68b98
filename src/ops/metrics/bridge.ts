import { NAME_KINDS } from '../../common';
import type { MetricBuilder } from '../metric-builder';
import { INVALID, UNREADABLE } from './values';

const SKIPPED = ['control-frame', 'no-topic', 'other-topic', 'no-communications', 'no-events', 'handshake'] as const;

const RECONCILED = ['snapshot', 'gone', 'heard', 'moved-on', 'overtaken', 'failed'] as const;
export type ReconciliationOutcome = (typeof RECONCILED)[number];

export function bridgeMetrics(bridge: MetricBuilder) {
  return {
    notifications: bridge.counter('bridge_notifications_total', 'Frames that Genesys sent over WebSockets, by kind', {
      kind: ['notification', 'heartbeat', 'pong', 'closing', 'gone', 'result'],
    }),
    bridgeEvents: bridge.counter('bridge_events_total', 'Inputs that the bridge read, by source and outcome', {
      source: ['websocket', 'rest', 'http', 'file'],
      outcome: ['produced', 'gone', ...SKIPPED, ...INVALID],
    }),
    futureTimes: bridge.counter(
      'bridge_future_times_total',
      'Events whose receive time was more than 5 minutes ahead of the clock of this bridge. The bridge takes the present time instead',
      {},
    ),
    eventsRequests: bridge.counter(
      'bridge_events_requests_total',
      'Requests to POST /events, by the HTTP status of the answer',
      {
        status: { bounded: 'HTTP statuses that the bridge answers' },
      },
    ),
    channels: bridge.gauge('bridge_channels', 'Notification channels, by state', {
      state: ['connecting', 'open', 'replacing', 'waiting', 'stopped'],
    }),
    gaps: bridge.counter(
      'bridge_gaps_total',
      'Gaps, in which this bridge did not hear some of its queues. After each gap it asks Genesys what happened meanwhile',
      {},
    ),
    subscribedQueues: bridge.gauge(
      'bridge_subscribed_queues',
      'Queues to which this bridge has a permitted subscription',
      {},
    ),
    lastNotification: bridge.unsetGauge(
      'bridge_last_notification_timestamp_seconds',
      'When the last frame came from Genesys, heartbeats included, in seconds since 1970',
    ),
    pendingConversations: bridge.gauge(
      'bridge_pending_conversations',
      'Conversations with snapshots that Kafka has not acknowledged yet',
      {},
    ),
    pendingBytes: bridge.gauge(
      'bridge_pending_bytes',
      'Bytes of memory for records that Kafka has not acknowledged yet. At BRIDGE_PENDING_BYTES the bridge stops reading from Genesys',
      {},
    ),
    coalesced: bridge.counter(
      'bridge_coalesced_total',
      'Snapshots that the bridge merged into others while they waited for Kafka',
      {},
    ),
    unreadableRows: bridge.counter(
      'bridge_unreadable_rows_total',
      'Records of the state topic that the bridge could not read back. It leaves them out of its table',
      { reason: UNREADABLE },
    ),
    tableRead: bridge.unsetGauge(
      'bridge_table_read',
      '1 while the bridge reads the table back. 0 while it cannot: reconciliation then compares Genesys with an old table. Absent without Genesys',
    ),
  };
}

/** Of what the bridge asks Genesys. */
export function genesysMetrics(bridge: MetricBuilder) {
  return {
    reconciliations: bridge.counter(
      'bridge_reconciliations_total',
      'Conversations that reconciliation asked Genesys for, by outcome',
      {
        outcome: RECONCILED,
      },
    ),
    rowsBack: bridge.counter(
      'bridge_rows_back_total',
      'Rows that a late snapshot may have set back to an older version. The bridge asks Genesys for them, unless the row changes first',
      {},
    ),
    reconciliationPending: bridge.gauge(
      'bridge_reconciliation_pending',
      'Conversations that reconciliation still has to ask Genesys for, by importance',
      { importance: ['waiting', 'changed', 'silent', 'confirm'] },
    ),
    missedByNotifications: bridge.counter(
      'bridge_missed_by_notifications_total',
      'Conversations that differ between Genesys and the table although the bridge heard their queue all the time',
      {},
    ),
    refusedQueues: bridge.gauge(
      'bridge_refused_queues',
      'Queues that Genesys refuses to this OAuth client, by the missing permission',
      {
        permission: { bounded: 'permissions of Genesys' },
      },
    ),
    unwatchedQueues: bridge.gauge(
      'bridge_unwatched_queues',
      'Queues for which the channels of this bridge have no room. Their conversations are missing from the table',
      {},
    ),
    queuePolls: bridge.counter('bridge_queue_polls_total', 'Requests for the list of queues, by outcome', {
      outcome: ['same', 'changed', 'failed'],
    }),
    namePolls: bridge.counter('bridge_name_polls_total', 'Requests for a list of names, by kind and outcome', {
      kind: NAME_KINDS,
      outcome: ['listed', 'refused', 'failed'],
    }),
    nameChanges: bridge.counter(
      'bridge_name_changes_total',
      'Names that the bridge wrote to Kafka, by kind and change',
      {
        kind: NAME_KINDS,
        change: ['new', 'renamed', 'gone', 'back', 'forgotten'],
      },
    ),
    genesysRequests: bridge.counter('genesys_requests_total', 'REST requests to Genesys, by route and HTTP status', {
      route: { bounded: 'the paths that the bridge uses, without ids' },
      status: { bounded: 'HTTP statuses, and none' },
    }),
    rateLimitRemaining: bridge.unsetGauge(
      'genesys_rate_limit_remaining',
      'Requests that Genesys still allows this client in the current minute',
    ),
  };
}
