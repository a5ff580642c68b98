import type { Organisation } from '../organisation';
import type { Access } from './access';
import { activityQuery } from './activity';
import type { Channel, Channels, SubscribedTopic } from './channels';
import { detailsById, detailsQuery } from './details';
import type { Answer, Handler, Route } from './http';
import { apiError, NOT_FOUND } from './http';
import { listingRoutes } from './listings';
import type { Meddling } from './meddling';

export interface ApiOptions {
  readonly organisation: Organisation;
  readonly access: Access;
  readonly channels: Channels;
  /** E.g. `ws://127.0.0.1:1234`; the real one uses wss. */
  readonly streamingUrl: string;
  readonly meddling: Meddling;
  /** How far the clock in answers is wrong. */
  readonly skewMs: () => number;
  /** How far the organization's time is ahead of its clients', ms. */
  readonly aheadMs: () => number;
}

/** The part of the public API that a bridge needs, as the SDK describes it. */
export function apiRoutes(options: ApiOptions): readonly Route[] {
  const { organisation, access, channels, streamingUrl, meddling, skewMs, aheadMs } = options;
  const channelBody = ({ id, expiresAt }: Channel) => ({
    connectUri: `${streamingUrl}/channels/${id}`,
    id,
    expires: new Date(expiresAt + skewMs()).toISOString(),
  });
  const routes: readonly Route[] = [
    {
      method: 'GET',
      path: '/api/v2/users/me',
      handle: () =>
        apiError(
          400,
          'bad.request',
          'This request requires a user context. Client credentials cannot be used for requests that require a user context.',
        ),
    },
    ...listingRoutes(organisation),
    // Always empty for client credentials.
    { method: 'GET', path: '/api/v2/conversations', handle: () => ({ status: 200, body: { entities: [], total: 0 } }) },
    {
      method: 'GET',
      path: '/api/v2/conversations/{id}',
      handle: ({ parts: [id = ''] }) => {
        const body = organisation.restConversation(id);
        return body ? { status: 200, body } : NOT_FOUND();
      },
    },
    {
      method: 'POST',
      path: '/api/v2/analytics/conversations/activity/query',
      handle: activityQuery(organisation.activity),
    },
    {
      method: 'GET',
      path: '/api/v2/analytics/conversations/details',
      handle: detailsById(organisation.conversation),
    },
    {
      method: 'POST',
      path: '/api/v2/analytics/conversations/details/query',
      handle: detailsQuery(organisation.conversations, aheadMs),
    },
    { method: 'GET', path: '/api/v2/notifications/availabletopics', handle: availableTopics },
    {
      method: 'GET',
      path: '/api/v2/notifications/channels',
      handle: () => ({ status: 200, body: { entities: channels.list().map(channelBody) } }),
    },
    {
      method: 'POST',
      path: '/api/v2/notifications/channels',
      handle: () => ({ status: 200, body: channelBody(channels.create()) }),
    },
    {
      method: 'HEAD',
      path: '/api/v2/notifications/channels/{id}',
      handle: ({ parts: [id = ''] }) => ({ status: channels.topics(id) ? 200 : 404 }),
    },
    ...subscriptionRoutes(channels),
  ];
  return routes.map((route) => ({ ...route, handle: access.guard(meddling.around(route.handle)) }));
}

function subscriptionRoutes(channels: Channels): readonly Route[] {
  const path = '/api/v2/notifications/channels/{id}/subscriptions';
  const set =
    (replace: boolean): Handler =>
    ({ parts: [id = ''], url, body }) => {
      const topics = topicIds(body);
      if (topics === null) return apiError(400, 'bad.request', 'The body must be a list of topics with ids.');
      const ignoreErrors = url.searchParams.get('ignoreErrors') === 'true';
      const outcome = channels.subscribe(id, topics, { replace, ignoreErrors });
      switch (outcome.kind) {
        case 'subscribed':
          return { status: 200, body: { entities: outcome.topics.map(topicBody) } };
        case 'no-channel':
          return NOT_FOUND();
        case 'too-many':
          return apiError(400, 'notification.topics.limit', `A channel takes at most ${outcome.limit} topics.`);
        case 'refused':
          return apiError(400, 'notification.topics.invalid', 'At least one topic was rejected.');
      }
    };
  return [
    {
      method: 'GET',
      path,
      handle: ({ parts: [id = ''] }) => {
        const topics = channels.topics(id);
        return topics ? { status: 200, body: { entities: topics.map(topicBody) } } : NOT_FOUND();
      },
    },
    { method: 'POST', path, handle: set(false) },
    { method: 'PUT', path, handle: set(true) },
    {
      method: 'DELETE',
      path,
      handle: ({ parts: [id = ''] }) => {
        const outcome = channels.subscribe(id, [], { replace: true, ignoreErrors: true });
        return outcome.kind === 'no-channel' ? NOT_FOUND() : { status: 204 };
      },
    },
  ];
}

const topicBody = (topic: SubscribedTopic) => ({
  ...topic,
  selfUri: `/api/v2/notifications/availabletopics/${topic.id}`,
});

function topicIds(body: string): readonly string[] | null {
  let given: unknown;
  try {
    given = JSON.parse(body);
  } catch {
    return null;
  }
  if (!Array.isArray(given)) return null;
  const ids = given.flatMap((topic: unknown) => {
    const id = typeof topic === 'object' && topic !== null && 'id' in topic ? topic.id : null;
    return typeof id === 'string' ? [id] : [];
  });
  return ids.length === given.length ? ids : null;
}

/**
 * The topics that the bridge may want. This answer also shows which permission the queue's topic requires, which is
 * otherwise not documented.
 */
function availableTopics(): Answer {
  const topic = (id: string, requiresPermissions: readonly string[]) => ({
    id,
    description: `Simulated topic ${id}`,
    requiresPermissions,
    requiresDivisionPermissions: true,
    enforced: true,
    visibility: 'Public',
    transports: ['Websocket', 'EventBridge'],
    topicParameters: ['id'],
  });
  const entities = [
    topic('v2.routing.queues.{id}.conversations', ['routing:queue:view', 'conversation:communication:view']),
    topic('v2.users.{id}.conversations', ['conversation:communication:view']),
  ];
  return { status: 200, body: { entities } };
}
