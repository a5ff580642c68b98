import type { ActiveSession, ActivityMetric } from '../activity';
import { ANALYTICS_MEDIA_TYPE } from '../render-details';
import type { Handler } from './http';
import { apiError } from './http';

/** A queue's list is cut here, as the real ones may be. */
const MOST_ENTITIES = 1_000;
const METRICS: readonly ActivityMetric[] = ['oWaiting', 'oAlerting', 'oInteracting'];

/**
 * `POST /api/v2/analytics/conversations/activity/query` by queue, with details: the sessions that wait, are alerting or
 * talk now.
 */
export function activityQuery(activity: () => readonly ActiveSession[]): Handler {
  return ({ body }) => {
    const asked = readQuery(body);
    if (asked === null) {
      return apiError(400, 'bad.request', 'A query needs metrics, groupBy ["queueId"] and a filter by queueId.');
    }
    const sessions = activity();
    const results = asked.queueIds.map((queueId) => {
      const own = sessions.filter((session) => session.queueId === queueId && asked.metrics.includes(session.metric));
      return {
        group: { queueId },
        data: asked.metrics.map((metric) => ({
          metric,
          count: own.filter((session) => session.metric === metric).length,
        })),
        truncated: own.length > MOST_ENTITIES,
        entities: own.slice(0, MOST_ENTITIES).map(entityOf),
      };
    });
    return { status: 200, body: { results } };
  };
}

function entityOf({ since, metric, conversationId, queueId, sessionId, medium, direction, userId }: ActiveSession) {
  return {
    activityDate: new Date(since).toISOString(),
    ...{ metric, conversationId, queueId, sessionId },
    mediaType: ANALYTICS_MEDIA_TYPE[medium],
    ...(direction === null ? {} : { direction }),
    ...(userId === null ? {} : { userId }),
  };
}

interface Query {
  readonly metrics: readonly ActivityMetric[];
  readonly queueIds: readonly string[];
}

function readQuery(body: string): Query | null {
  interface Sent {
    readonly metrics?: readonly { readonly metric?: string }[];
    readonly groupBy?: readonly string[];
    readonly filter?: { readonly predicates?: readonly { readonly dimension?: string; readonly value?: string }[] };
  }
  try {
    const { metrics = [], groupBy = [], filter } = JSON.parse(body) as Sent;
    const known = METRICS.filter((metric) => metrics.some((one) => one.metric === metric));
    const predicates = filter?.predicates?.filter(({ dimension }) => dimension === 'queueId') ?? [];
    const queueIds = predicates.flatMap(({ value }) => value ?? []);
    return known.length > 0 && groupBy.includes('queueId') && queueIds.length > 0 ? { metrics: known, queueIds } : null;
  } catch {
    return null;
  }
}
