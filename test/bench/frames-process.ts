import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { WebSocketServer, type WebSocket } from 'ws';
import { generateEvents } from '../../src/simulator';
import { heard, report } from './child';

export interface FramesArgs {
  /** Frames that are prepared once, and sent repeatedly. */
  readonly frames: number;
  /** At each "burst", so many are sent as fast as the bridge reads them. */
  readonly burst: number;
  /** At "paced", this many at 1,000 a second, each of a conversation of its own: `paced-0` and so on. */
  readonly paced: number;
}

export interface FramesReports {
  readonly ready: { readonly url: string; readonly meanBytes: number };
  readonly connected: object;
  readonly burst: { readonly startedAt: number };
  readonly sent: object;
  /** When each frame was sent, epoch ms. */
  readonly paced: { readonly sentAt: readonly number[] };
}

const BUFFER_BYTES = 4 * 1024 * 1024;
const PER_SECOND = 1_000;
const TICK_MS = 5;
const PONG = JSON.stringify({ topicName: 'channel.metadata', eventBody: { message: 'pong' } });

/**
 * The organization's side of the bridge's benchmark, in a process of its own, so that it does not share the bridge's
 * processor time.
 */
async function main({ frames: count, burst, paced }: FramesArgs): Promise<void> {
  const frames: string[] = [];
  const stream = generateEvents({
    seed: 1,
    conversations: 1e9,
    conversationsPerSecond: 20,
    queues: 1,
    agents: 3_000,
    heartbeatMs: 0,
  });
  for (const { frame } of stream) if (frames.push(JSON.stringify(frame)) >= count) break;
  const topic = (JSON.parse(frames[0] ?? '{}') as { topicName: string }).topicName;
  const queueId = topic.split('.')[3] ?? '';

  const server = createServer((request, response) => {
    const answers: readonly (readonly [string, unknown])[] = [
      ['/oauth/token', { access_token: 't', token_type: 'bearer', expires_in: 86_400 }],
      ['/routing/queues', { entities: [{ id: queueId, name: 'Queue' }], pageCount: 1 }],
      ['/subscriptions', { entities: [{ id: topic, state: 'Permitted' }] }],
      ['/channels', { id: 'c', connectUri: `${url().replace('http', 'ws')}/channels/c` }],
      ['', { results: [], conversations: [], entities: [] }],
    ];
    const [, body] = answers.find(([part]) => (request.url ?? '').includes(part)) ?? ['', {}];
    response.setHeader('content-type', 'application/json').end(JSON.stringify(body));
  });
  const url = (): string => `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const sockets = new WebSocketServer({ server, perMessageDeflate: false });
  const connected = new Promise<WebSocket>((resolve) => sockets.once('connection', resolve));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const pacing = heard('paced');
  const ending = heard('end');
  report('ready', { url: url(), meanBytes: frames.reduce((sum, text) => sum + text.length, 0) / frames.length });
  const socket = await connected;
  // The bridge takes a socket for lost that is silent for long: in a round of the raw produce nothing is sent.
  socket.on('message', () => socket.send(PONG));
  // Bytes: making them of a text for each frame would take processor time from the bridge.
  const ready = frames.map((text) => Buffer.from(text));
  const sendBursts = async (): Promise<void> => {
    for (;;) {
      await heard('burst');
      report('burst', { startedAt: Date.now() });
      for (let sent = 0; sent < burst; sent += 1) {
        socket.send(ready[sent % ready.length] ?? '', { binary: false });
        if (sent % 100 === 99) await new Promise((resolve) => setImmediate(resolve));
        while (socket.bufferedAmount > BUFFER_BYTES) await sleep(1);
      }
      report('sent', {});
    }
  };
  const bursts = sendBursts();
  report('connected', {});

  await Promise.race([pacing, bursts]);
  const sentAt: number[] = [];
  const began = performance.now();
  while (sentAt.length < paced) {
    const due = Math.min(paced, Math.floor(((performance.now() - began) / 1_000) * PER_SECOND));
    while (sentAt.length < due) {
      const text = frames[sentAt.length % frames.length] ?? '';
      const id = `paced-${sentAt.length}`;
      sentAt.push(Date.now());
      socket.send(text.replace(/"eventBody":\{"id":"[^"]+"/, `"eventBody":{"id":"${id}"`));
    }
    await sleep(TICK_MS);
  }
  report('paced', { sentAt });
  await ending;
  process.exit(0);
}

void main(JSON.parse(process.argv[2] ?? '{}') as FramesArgs);
