import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import pino from 'pino';
import type { Access } from '../../../src/board/access';
import type { History } from '../../../src/board/history';
import { Picture } from '../../../src/board/picture';
import { createPresenter, type BoardNames } from '../../../src/board/present';
import { startBoardServer, type BoardServer } from '../../../src/board/server';
import { Viewers } from '../../../src/board/viewers';

export interface BoardForTests {
  readonly server: BoardServer;
  readonly picture: Picture;
  readonly viewers: Viewers;
  stop(): Promise<void>;
}

export interface BoardForTestsOptions {
  readonly host?: string;
  readonly access?: Access;
  readonly show?: 'addresses';
  readonly history?: History;
  readonly names?: BoardNames;
  readonly requestMs?: number;
  /** The start of the day that counts, epoch ms. Default 0: all visits count. */
  readonly dayStart?: number;
}

const RULE = { targetMs: 20_000, shortAbandonMs: 5_000 };

/** The board's server on a free port, with a picture that the test fills. */
export async function boardForTests(options: BoardForTestsOptions = {}): Promise<BoardForTests> {
  const { host = '127.0.0.1', access = { password: undefined, proxyHeader: undefined }, history = null } = options;
  const page = mkdtempSync(join(tmpdir(), 'queuefold-page-'));
  writeFileSync(join(page, 'index.html'), '<!doctype html><title>page</title>');
  const dayStart = () => options.dayStart ?? 0;
  const picture = new Picture({ rule: RULE, dayStart }, Date.now());
  const present = createPresenter({ names: options.names ?? { of: () => null }, show: options.show });
  const viewers = new Viewers({
    ...{ picture, epoch: 'test', freshness: () => ({ ageMs: 1, problem: null }) },
    ...{ present: present.conversation, presentLine: present.line },
  });
  const server = await startBoardServer({
    ...{ host, port: 0, access, picture, viewers, present, history, page, dayStart },
    ...{ rule: RULE, timeZone: 'UTC', version: '0.0.0', logger: pino({ enabled: false }) },
    ...(options.requestMs === undefined ? {} : { requestMs: options.requestMs }),
  }).catch((error: unknown) => {
    viewers.stop();
    rmSync(page, { recursive: true });
    throw error;
  });
  return {
    ...{ server, picture, viewers },
    async stop() {
      await server.stop();
      rmSync(page, { recursive: true });
    },
  };
}

/** The first events of a stream, until `isEnough`. */
export async function eventsOf(
  url: string,
  isEnough: (names: readonly string[]) => boolean,
): Promise<readonly { readonly name: string; readonly data: unknown }[]> {
  const stopping = new AbortController();
  const response = await fetch(url, { signal: stopping.signal });
  const decoder = new TextDecoder();
  let text = '';
  const events = () =>
    [...text.matchAll(/^event: (\w+)\ndata: (.*)\n\n/gm)].map(([, name = '', data = '']) => ({
      name,
      data: JSON.parse(data) as unknown,
    }));
  for await (const chunk of response.body ?? []) {
    text += decoder.decode(chunk as Uint8Array, { stream: true });
    if (isEnough(events().map(({ name }) => name))) break;
  }
  stopping.abort();
  return events();
}
