import { WebSocket } from 'ws';
import type { Simulator } from '../../../src/simulator';

export interface PlainAnswer {
  readonly status: number;
  readonly headers: Headers;
  /** The parsed body if it is JSON, else the text. */
  readonly body: unknown;
}

export interface PlainChannel {
  readonly id: string;
  readonly socket: WebSocket;
  /** Every frame since the last `forget`, as text. */
  readonly frames: readonly string[];
  /** The conversations in the frames. */
  notifications(): readonly { readonly queueId: string; readonly conversationId: string; readonly text: string }[];
  /** The queues and conversations of the notifications. */
  topics(): ReadonlySet<string>;
  conversations(): ReadonlySet<string>;
  forget(): void;
}

/** A client other than the bridge's: fetch and a plain websocket, without retries, and with nothing hidden. */
export async function aClient({ apiUrl, loginUrl, clientId, clientSecret }: Simulator) {
  const login = () =>
    fetch(`${loginUrl}/oauth/token`, {
      method: 'POST',
      headers: {
        authorization: `Basic ${Buffer.from(`${clientId}:${clientSecret}`).toString('base64')}`,
        'content-type': 'application/x-www-form-urlencoded',
      },
      body: 'grant_type=client_credentials',
    });
  let token = ((await (await login()).json()) as { access_token: string }).access_token;
  const sockets: WebSocket[] = [];

  async function send(method: string, path: string, body?: object, signal?: AbortSignal): Promise<PlainAnswer> {
    const response = await fetch(`${apiUrl}${path}`, {
      method,
      headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
      body: body === undefined ? null : JSON.stringify(body),
      signal: signal ?? null,
    });
    const text = await response.text();
    const isJson = response.headers.get('content-type')?.includes('json') === true && text !== '';
    return { status: response.status, headers: response.headers, body: isJson ? JSON.parse(text) : text };
  }

  const subscribe = (channelId: string, queueIds: readonly string[]): Promise<PlainAnswer> =>
    send(
      'POST',
      `/api/v2/notifications/channels/${channelId}/subscriptions?ignoreErrors=true`,
      queueIds.map((id) => ({ id: `v2.routing.queues.${id}.conversations` })),
    );

  async function open(connectUri: string): Promise<{ socket: WebSocket; frames: string[] }> {
    const socket = new WebSocket(connectUri);
    sockets.push(socket);
    const frames: string[] = [];
    socket.on('message', (data: Buffer) => frames.push(data.toString('utf8')));
    await new Promise((resolve, reject) => socket.once('open', resolve).once('error', reject));
    socket.on('error', () => undefined);
    return { socket, frames };
  }

  /** A channel with these queues, and its socket. */
  async function channel(queueIds: readonly string[]): Promise<PlainChannel> {
    const created = (await send('POST', '/api/v2/notifications/channels')).body as { id: string; connectUri: string };
    await subscribe(created.id, queueIds);
    const { socket, frames } = await open(created.connectUri);
    const notifications = () =>
      frames
        .filter((text) => text.startsWith('{"topicName":"v2.routing.queues.'))
        .map((text) => {
          const frame = JSON.parse(text) as { topicName: string; eventBody: { id: string } };
          return { queueId: frame.topicName.split('.')[3] ?? '', conversationId: frame.eventBody.id, text };
        });
    return {
      id: created.id,
      socket,
      frames,
      notifications,
      topics: () => new Set(notifications().map(({ queueId }) => queueId)),
      conversations: () => new Set(notifications().map(({ conversationId }) => conversationId)),
      forget: () => void frames.splice(0),
    };
  }

  return {
    send,
    subscribe,
    open,
    channel,
    login: async (): Promise<number> => {
      const answer = await login();
      if (answer.status === 200) token = ((await answer.json()) as { access_token: string }).access_token;
      return answer.status;
    },
    stop: () => sockets.forEach((socket) => socket.terminate()),
  };
}
