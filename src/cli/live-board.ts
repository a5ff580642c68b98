import { type BoardRoleOptions, checkAccess, type RunningBoardRole, startBoardRole } from '../board';
import { UsageError } from '../common';
import type { Store } from '../store';
import type { RoleParts } from '../wiring';
import type { Context } from './context';
import { configuredStore, hostRole } from './role';
import { packageVersion } from './version';

/** The flags as people write them. */
export interface BoardFlags {
  readonly host: string;
  readonly port: string;
  readonly targetSeconds: string;
  readonly shortAbandonSeconds: string;
  readonly timeZone?: string;
  readonly proxyHeader?: string;
}

export const BOARD_DEFAULTS = {
  host: '127.0.0.1',
  port: '8090',
  targetSeconds: '20',
  shortAbandonSeconds: '5',
} as const;

/** `queuefold board`: the live board as a web page. Any number of boards may run. */
export async function runBoard(context: Context, flags: BoardFlags): Promise<void> {
  const { config, shutdown, logger } = context;
  const options = boardOptions(flags);
  // Before the command waits for anything, because waiting does not help against a wrong flag.
  checkAccess(options.host, { password: config.board.password?.reveal(), proxyHeader: options.proxyHeader });
  const store = config.clickhouse.url === undefined ? null : configuredStore({ config, shutdown });
  if (store === null) logger.warn('CLICKHOUSE_URL is not set, so the board shows the present only');
  const board = await hostRole(context, { name: 'board', start: (parts) => startBoard(parts, store, options) });
  logger.info({ url: board.url }, 'the board is ready');
  await shutdown.until(board.done);
}

export function startBoard(
  parts: RoleParts,
  store: Store | null,
  options: Omit<BoardRoleOptions, 'store' | 'version'>,
): Promise<RunningBoardRole> {
  return startBoardRole(parts, { ...options, store, version: packageVersion() });
}

/** @throws UsageError that names the flag, its value and what is allowed */
export function boardOptions(flags: BoardFlags): Omit<BoardRoleOptions, 'store' | 'version'> {
  return {
    host: flags.host,
    port: whole('--port', flags.port, 65_535),
    rule: {
      targetMs: 1_000 * whole('--target-seconds', flags.targetSeconds, 86_400),
      shortAbandonMs: 1_000 * whole('--short-abandon-seconds', flags.shortAbandonSeconds, 86_400),
    },
    timeZone: zone(flags.timeZone),
    proxyHeader: header(flags.proxyHeader),
  };
}

function whole(flag: string, text: string, most: number): number {
  const value = Number(text);
  if (/^\d+$/.test(text) && value <= most) return value;
  throw new UsageError(`${flag}: ${JSON.stringify(text)} is not allowed. Give a whole number from 0 to ${most}.`);
}

function zone(name: string | undefined): string {
  if (name === undefined) return Intl.DateTimeFormat().resolvedOptions().timeZone;
  try {
    return Intl.DateTimeFormat('en', { timeZone: name }).resolvedOptions().timeZone;
  } catch {
    throw new UsageError(`--time-zone: ${JSON.stringify(name)} is not a time zone. Give a name such as Europe/Berlin.`);
  }
}

function header(name: string | undefined): string | undefined {
  if (name === undefined || /^[A-Za-z][A-Za-z0-9-]{0,99}$/.test(name)) return name;
  throw new UsageError(
    `--proxy-header: ${JSON.stringify(name)} is not a header. Give a name such as X-Forwarded-User.`,
  );
}
