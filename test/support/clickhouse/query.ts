import { PassThrough, Readable } from 'node:stream';
import type { Context } from '../../../src/cli/context';
import { runQuery, type QueryFlags } from '../../../src/cli/query';
import { loadConfig } from '../../../src/config';
import { createMetrics, createShutdown } from '../../../src/ops';
import { QUIET } from './store-rows';

export interface RanQuery {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

export interface Surroundings {
  readonly env?: Readonly<Record<string, string>>;
  readonly stdin?: string;
  readonly columns?: number;
  /** The query ends once this accepts its output. */
  readonly endWhen?: (stdout: string) => boolean;
}

export type Query = (
  sql?: string,
  flags?: QueryFlags,
  parameters?: readonly string[],
  surroundings?: Surroundings,
) => Promise<RanQuery>;

/** Runs `queuefold query` in this process, with only these settings. */
export function queryWith(settings: () => Readonly<Record<string, string>>): Query {
  return async (sql, flags = {}, parameters = [], surroundings = {}) => {
    const collected = { stdout: '', stderr: '' };
    const shutdown = createShutdown({
      logger: QUIET,
      process: { on: () => process, off: () => process, exit: () => undefined },
      deadlineMs: 10_000,
    });
    const sink = (name: 'stdout' | 'stderr') =>
      new PassThrough().on('data', (chunk: Buffer) => {
        collected[name] += chunk.toString();
        if (surroundings.endWhen?.(collected.stdout) === true) shutdown.request('SIGTERM');
      });
    const stdout = Object.assign(
      sink('stdout'),
      surroundings.columns === undefined ? {} : { columns: surroundings.columns },
    );
    const context: Context = {
      globals: {},
      config: loadConfig({ env: { ...settings(), ...surroundings.env } }),
      logger: QUIET,
      redirectLogs: () => undefined,
      metrics: createMetrics(),
      io: { stdout, stderr: sink('stderr'), stdin: Readable.from([surroundings.stdin ?? '']) as never, color: false },
      quiet: false,
      shutdown,
    };
    try {
      const code = await runQuery(context, [...(sql === undefined ? [] : [sql]), ...parameters], flags);
      return { code, ...collected };
    } catch (error) {
      if (shutdown.cause() !== null) return { code: 143, ...collected };
      throw error;
    } finally {
      await shutdown.stop();
    }
  };
}
