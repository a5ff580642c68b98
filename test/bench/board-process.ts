import { existsSync } from 'node:fs';
import { join } from 'node:path';
import pino from 'pino';
import { Picture } from '../../src/board/picture';
import { createPresenter } from '../../src/board/present';
import { startBoardServer } from '../../src/board/server';
import { Viewers } from '../../src/board/viewers';
import type { QueueConversation } from '../../src/conversation';
import { createLocalSchemas, createRowCodec, topicNames } from '../../src/log';
import { aRow } from '../support/conversation/rows';

/**
 * The board's server under load, in a process of its own: it decodes the records that Kafka would deliver, counts, and
 * serves. It does not contain Kafka's client.
 */
export interface BoardArguments {
  readonly queues: number;
  readonly conversations: number;
}
export interface BoardReports {
  readonly url: string;
  readonly cost: BoardCost;
  readonly written: Written;
}
export interface BoardCost {
  /** Seconds of CPU for each second under load. */
  readonly cpu: number;
  readonly changesPerSecond: number;
  readonly bytesPerSecond: number;
  readonly rssBytes: number;
  /** The bytes in this process that wait for viewers. */
  readonly unsentBytes: number;
}
/** When each waiting conversation arrived, epoch ms: the first brings their number to `from` + 1. */
export interface Written {
  readonly from: number;
  readonly times: readonly number[];
}

/** `{changes}`: rows that change each second. `{arrivals}`: rows that arrive each second, all of them waiting. */
export type BoardOrder =
  | { readonly kind: 'changes'; readonly perSecond: number; readonly seconds: number }
  | { readonly kind: 'arrivals'; readonly perSecond: number; readonly seconds: number };

const TICK_MS = 10;

async function main(): Promise<void> {
  const { queues, conversations } = JSON.parse(process.argv[2] ?? '{}') as BoardArguments;
  const page = join(process.cwd(), 'dist', 'board', 'page');
  if (!existsSync(join(page, 'index.html'))) throw new Error(`${page}: no page. Run npm run build first.`);
  const codec = await createRowCodec(createLocalSchemas(), topicNames('bench'));
  const rule = { targetMs: 20_000, shortAbandonMs: 5_000 };
  const dayStart = (): number => 0;
  const picture = new Picture({ rule, dayStart }, Date.now());
  const names = { of: (kind: string, id: string) => (kind === 'queue' ? `Queue ${id.slice(-5)}` : null) };
  const present = createPresenter({ names, show: undefined });
  let sent = 0;
  const viewers = new Viewers({
    ...{ picture, epoch: 'bench', freshness: () => ({ ageMs: 100, problem: null }) },
    ...{ present: present.conversation, presentLine: present.line, onSent: (bytes: number) => void (sent += bytes) },
  });
  const server = await startBoardServer({
    ...{
      host: '127.0.0.1',
      port: 0,
      access: { password: undefined, proxyHeader: undefined },
      picture,
      viewers,
      present,
    },
    ...{ history: null, rule, dayStart, timeZone: 'UTC', version: 'bench', page, logger: pino({ enabled: false }) },
  });

  const id = (kind: string, index: number): string => `${kind}0000-0000-4000-8000-${String(index).padStart(12, '0')}`;
  const since = Date.now() - 600_000;
  const row = (index: number, changes: Partial<QueueConversation> = {}): QueueConversation =>
    aRow({
      conversation_id: id('0000', index),
      queue_id: id('aaaa', (index * 7919) % queues),
      queue_connected_time: since + (index % 600) * 1_000,
      ...(index % 4 === 0 ? {} : { purpose: 'agent', user_id: id('bbbb', index % 3_000), waiting: false }),
      ...changes,
    });
  const put = (value: Buffer): void => {
    const decoded = codec.decode(value);
    if (decoded.ok) picture.upsertRow(decoded.value);
  };
  for (let index = 0; index < conversations; index += 1) picture.upsertRow(row(index));
  picture.turn(Date.now());
  let next = conversations;

  /** Calls `once` this often a second, whatever the timers do. */
  const paced = async (perSecond: number, seconds: number, once: (index: number) => void): Promise<number> => {
    const began = performance.now();
    let done = 0;
    while (performance.now() - began < seconds * 1_000) {
      const due = Math.floor(((performance.now() - began) / 1_000) * perSecond);
      for (; done < due; done += 1) once(done);
      await new Promise((resolve) => setTimeout(resolve, TICK_MS));
    }
    return done / ((performance.now() - began) / 1_000);
  };

  async function changes(perSecond: number, seconds: number): Promise<BoardCost> {
    const values = Array.from({ length: perSecond * 4 }, (_, index) => {
      const of = (index * 104_729) % conversations;
      return codec.encode(row(of, { db_last_updated: Date.now(), state: index % 2 === 0 ? 'alerting' : 'connected' }));
    });
    const [cpu, bytes, began] = [process.cpuUsage(), sent, performance.now()];
    const rate = await paced(perSecond, seconds, (index) => put(values[index % values.length] ?? Buffer.alloc(0)));
    const { user, system } = process.cpuUsage(cpu);
    const took = (performance.now() - began) / 1_000;
    return {
      cpu: (user + system) / 1e6 / took,
      changesPerSecond: rate,
      bytesPerSecond: (sent - bytes) / took,
      rssBytes: process.memoryUsage().rss,
      unsentBytes: viewers.unsentBytes,
    };
  }

  async function arrivals(perSecond: number, seconds: number): Promise<Written> {
    const from = picture.lines(0).reduce((sum, { live }) => sum + live.waiting, 0);
    const times: number[] = [];
    await paced(perSecond, seconds, () => {
      times.push(Date.now());
      picture.upsertRow(row(next++, { purpose: 'acd', user_id: null, waiting: true }));
    });
    return { from, times };
  }

  process.on('message', (text: string) => {
    if (text === 'end') {
      void server.stop().then(() => process.exit(0));
      return;
    }
    const order = JSON.parse(text) as BoardOrder;
    const { perSecond, seconds } = order;
    void (order.kind === 'changes'
      ? changes(perSecond, seconds).then((data) => process.send?.({ kind: 'cost', data }))
      : arrivals(perSecond, seconds).then((data) => process.send?.({ kind: 'written', data })));
  });
  process.send?.({ kind: 'url', data: server.url });
}

void main();
