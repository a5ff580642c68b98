import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { text } from 'node:stream/consumers';
import { WebSocketServer } from 'ws';
import { listenOnLoopback } from '../../support/network/loopback-server';

/** Conversations that talk to agents, each known by its number only: 100,000 of them need no memory. Greater numbers have ended. */
export interface LargeOrganisation {
  readonly url: string;
  /** When the last queue was subscribed, epoch ms; null: not yet. */
  subscribedAt(): number | null;
  requests(): number;
  stop(): Promise<void>;
}

export interface LargeOptions {
  readonly queues: number;
  /** In progress, evenly over the queues. */
  readonly conversations: number;
}

const PAGE = 500;
const REQUESTS_PER_MINUTE = 300;
const MINUTE_MS = 60_000;
const BEGAN = '2026-03-02T09:00:00.000Z';

export const queueIdOf = (index: number): string => `00000000-0000-4000-8000-${String(index).padStart(12, '0')}`;
export const conversationIdOf = (index: number): string => `10000000-0000-4000-8000-${String(index).padStart(12, '0')}`;
export const sessionIdOf = (index: number): string => `20000000-0000-4000-8000-${String(index).padStart(12, '0')}`;
const indexOf = (id: string): number => Number(id.split('-').at(-1));

/** Genesys with the real limit of requests, as far as a bridge needs it to start. */
export async function startLargeOrganisation(options: LargeOptions): Promise<LargeOrganisation> {
  const { queues, conversations } = options;
  let windowStart = Date.now();
  let inWindow = 0;
  let requests = 0;
  let subscribedAt: number | null = null;
  const topics = new Set<string>();
  let channels = 0;

  function answer(request: IncomingMessage, body: string): [status: number, body: unknown] {
    const url = new URL(request.url ?? '/', 'http://localhost');
    const route = `${request.method ?? ''} ${url.pathname}`;
    if (route === 'POST /oauth/token')
      return [200, { access_token: 'token', token_type: 'bearer', expires_in: 86_400 }];
    requests += 1;
    if (++inWindow > REQUESTS_PER_MINUTE) return [429, { code: 'too.many.requests', status: 429 }];
    if (route === 'GET /api/v2/routing/queues') return [200, queuePage(Number(url.searchParams.get('pageNumber')))];
    if (route === 'GET /api/v2/notifications/availabletopics') return [200, { entities: [] }];
    if (route === 'POST /api/v2/notifications/channels') {
      channels += 1;
      return [200, { id: `c${channels}`, connectUri: `ws://${address}/channels/c${channels}` }];
    }
    if (route.endsWith('/subscriptions')) {
      const ids = (JSON.parse(body) as { id: string }[]).map(({ id }) => id);
      for (const id of ids) topics.add(id);
      if (topics.size === queues) subscribedAt ??= Date.now();
      return [200, { entities: ids.map((id) => ({ id, state: 'Permitted' })) }];
    }
    if (url.pathname.endsWith('/activity/query')) return [200, activity(body)];
    if (url.pathname.endsWith('/details/query')) return [200, { conversations: [] }];
    if (url.pathname.endsWith('/details')) return [200, details((url.searchParams.get('id') ?? '').split(','))];
    const id = /^GET \/api\/v2\/conversations\/(.+)$/.exec(route)?.[1];
    return id === undefined ? [404, { code: 'not.found', status: 404 }] : [200, conversation(id)];
  }

  function queuePage(page: number): unknown {
    const from = (page - 1) * PAGE;
    const length = Math.min(PAGE, queues - from);
    const entities = Array.from({ length }, (_, index) => ({
      id: queueIdOf(from + index),
      name: `Queue ${from + index}`,
    }));
    return { entities, pageCount: Math.ceil(queues / PAGE) };
  }

  function activity(body: string): unknown {
    const asked = JSON.parse(body) as { filter: { predicates: { value: string }[] } };
    const results = asked.filter.predicates.map(({ value: queueId }) => {
      const entities = [];
      for (let index = indexOf(queueId); index < conversations; index += queues) {
        entities.push({
          conversationId: conversationIdOf(index),
          metric: 'oInteracting',
          sessionId: sessionIdOf(index),
        });
      }
      return { group: { queueId }, entities };
    });
    return { results };
  }

  function details(ids: readonly string[]): unknown {
    return {
      conversations: ids.map((conversationId) => ({
        conversationId,
        ...(indexOf(conversationId) < conversations ? {} : { conversationEnd: BEGAN }),
      })),
    };
  }

  function conversation(id: string): unknown {
    const index = indexOf(id);
    const queueId = queueIdOf(index % queues);
    const leg = (state: string) => [{ id: sessionIdOf(index), state, connectedTime: BEGAN, direction: 'inbound' }];
    return {
      id,
      participants: [
        { id: 'acd', purpose: 'acd', queueId, connectedTime: BEGAN, calls: [{ id: 'acd-leg', state: 'terminated' }] },
        { id: 'agent', purpose: 'agent', userId: 'u', queueId, connectedTime: BEGAN, calls: leg('connected') },
      ],
    };
  }

  async function serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    if (Date.now() - windowStart >= MINUTE_MS) [windowStart, inWindow] = [Date.now(), 0];
    const [status, body] = answer(request, await text(request));
    const reset = String(Math.max(1, Math.ceil((windowStart + MINUTE_MS - Date.now()) / 1_000)));
    response.writeHead(status, {
      'content-type': 'application/json',
      'inin-ratelimit-count': String(inWindow),
      'inin-ratelimit-allowed': String(REQUESTS_PER_MINUTE),
      'inin-ratelimit-reset': reset,
      ...(status === 429 ? { 'retry-after': reset } : {}),
    });
    response.end(JSON.stringify(body));
  }

  const server = createServer((request, response) => void serve(request, response));
  const sockets = new WebSocketServer({ server });
  const heartbeat = JSON.stringify({ topicName: 'channel.metadata', eventBody: { message: 'WebSocket Heartbeat' } });
  const heartbeats = setInterval(() => sockets.clients.forEach((socket) => socket.send(heartbeat)), 10_000);
  const { address, url, stop } = await listenOnLoopback(server);

  return {
    url,
    subscribedAt: () => subscribedAt,
    requests: () => requests,
    async stop() {
      clearInterval(heartbeats);
      for (const socket of sockets.clients) socket.terminate();
      sockets.close();
      await stop();
    },
  };
}
