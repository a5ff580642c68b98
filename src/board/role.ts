import { randomUUID } from 'node:crypto';
import { join } from 'node:path';
import { packageRoot } from '../common';
import type { CheckResult } from '../ops';
import type { Store } from '../store';
import { logAnswers, type RoleParts, type RunningRole } from '../wiring';
import { createHistory } from './clickhouse-history';
import type { ServiceLevelRule } from './counts';
import { dayStartIn } from './day';
import { Picture } from './picture';
import { createPresenter } from './present';
import { startBoardServer } from './server';
import { followTables, NameTable } from './tables';
import { Viewers } from './viewers';

export interface BoardRoleOptions {
  /** The board's own address; metrics and health have another. */
  readonly host: string;
  /** 0: a free one. */
  readonly port: number;
  /** Null: no ClickHouse, so the board shows only the present. */
  readonly store: Store | null;
  readonly rule: ServiceLevelRule;
  /** IANA name of the time zone. Today begins at its midnight. */
  readonly timeZone: string;
  /** The header of a proxy in front that authenticates people; undefined: there is none. */
  readonly proxyHeader: string | undefined;
  readonly version: string;
}

export interface RunningBoardRole extends RunningRole {
  readonly url: string;
  /** Null: not known. */
  userName(id: string): string | null;
}

/**
 * The live board: a web page on the compacted topics and, if there is one, on ClickHouse. It reads without a group and
 * writes nothing, so any number of boards may run.
 * @throws UsageError if everybody on the network could see the board, OperatorError if the port is taken
 */
export async function startBoardRole(parts: RoleParts, options: BoardRoleOptions): Promise<RunningBoardRole> {
  const { config, log, schemas, topics, metrics, logger } = parts;
  const { store, rule, timeZone, proxyHeader } = options;
  await log.reach([topics.state, topics.names, ...(config.fold.visits === 'on' ? [topics.visits] : [])]);
  const startedAt = Date.now();
  const dayStart = dayStartIn(timeZone);
  const names = new NameTable();
  const picture = new Picture({ rule, dayStart }, Date.now());
  const present = createPresenter({ names, show: config.board.show });
  const tables = followTables({ log, schemas, topics, visits: config.fold.visits, picture, names, metrics, logger });
  const viewers = new Viewers({
    ...{ picture, freshness: tables.freshness, epoch: randomUUID() },
    onSent: (bytes) => metrics.boardSentBytes.inc(bytes),
    present: present.conversation,
    presentLine: present.line,
  });
  metrics.boardViewers.onScrape(() => metrics.boardViewers.set(viewers.size));
  metrics.boardPictureAge.onScrape(() =>
    metrics.boardPictureAge.set((tables.freshness().ageMs ?? Date.now() - startedAt) / 1_000),
  );
  const stopTables = async (): Promise<void> => {
    viewers.stop();
    await tables.stop();
  };
  // The first attempt may fail and is then repeated; until it succeeds the page says that there is no picture yet.
  void tables.loaded.catch(() => undefined);
  const server = await startBoardServer({
    ...{ ...options, picture, viewers, present, dayStart, logger },
    access: { password: config.board.password?.reveal(), proxyHeader },
    history: store === null ? null : createHistory(store),
    page: join(packageRoot(), 'dist', 'board', 'page'),
  }).catch(async (error: unknown) => {
    await stopTables();
    throw error;
  });
  const current = (): CheckResult => {
    const { ageMs, problem } = tables.freshness();
    if (ageMs === null) return { ok: false, detail: problem ?? 'the table is being read' };
    return problem === null ? { ok: true } : { ok: false, detail: problem };
  };
  return {
    name: 'board',
    url: server.url,
    userName: (id) => names.of('user', id),
    ready: {
      kafka: logAnswers(log, topics.state),
      table: current,
    },
    // The board reads the tables again and again, and the server answers until it is stopped.
    done: new Promise(() => undefined),
    stop: async () => {
      await server.stop();
      await stopTables();
    },
  };
}
