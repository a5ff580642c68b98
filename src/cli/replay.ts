import { randomBytes } from 'node:crypto';
import { UsageError, write } from '../common';
import {
  compareIds,
  DEFAULT_INPUT_LIMITS,
  printableRow,
  printableVisit,
  type QueueConversation,
  type QueueVisit,
  TABLE_COLUMNS,
  time,
} from '../conversation';
import { printableRecord } from '../log';
import { checkRecordings, recordedLines, replay, type ReplaySummary } from '../replay';
import { foldSettingsOf, limitsOf, maskOf } from '../wiring';
import type { Context } from './context';
import { openReplayLog, openReplayStore, startReplaySink, storedRows, type ReplayPlace } from './replay-parts';
import { counted } from './text';

export interface ReplayFlags {
  readonly log: 'memory' | 'embedded' | 'kafka';
  readonly store: 'none' | 'embedded' | 'clickhouse';
  readonly print: 'rows' | 'records' | 'visits' | 'none';
  readonly strict?: true;
  readonly speed?: string;
  readonly now?: string;
  readonly prefix?: string;
  readonly database?: string;
  readonly keep?: true;
}

const TOLD_INVALID = 10;

/** `queuefold replay FILE…` */
export async function runReplay(command: Context, files: readonly string[], flags: ReplayFlags): Promise<number> {
  const context = withoutRoutine(command);
  const { config, io } = context;
  const now = nowOf(flags.now);
  const speed = speedOf(flags.speed);
  checkRecordings(files);
  if (flags.print === 'visits' && config.fold.visits === 'off') {
    throw new UsageError('--print visits: VISITS is off, so the fold writes none. Set VISITS=on');
  }
  // The embedded ClickHouse would take what is on stdin for data of an INSERT.
  if (flags.store === 'embedded') io.detachStdin?.(files.includes('-') ? 'relayed' : 'unused');
  const run = randomBytes(4).toString('hex');
  const place: ReplayPlace = {
    prefix: flags.prefix ?? `${config.topics.prefix}_replay_${run}`,
    database: flags.database ?? `${config.clickhouse.database}_replay_${run}`,
    keep: flags.keep === true,
    readsVisits: flags.print === 'visits',
    named: { prefix: flags.prefix !== undefined, database: flags.database !== undefined },
  };
  const { log, schemas, topics } = await openReplayLog(context, flags.log, place);
  const store = flags.store === 'none' ? null : await openReplayStore(context, flags.store, place);
  const sink = store === null ? null : await startReplaySink(context, { log, schemas, topics, store });

  const out = createOutput((text) => write(io.stdout, text));
  const rows = new Map<string, QueueConversation>();
  const visits = new Map<string, QueueVisit>();
  const summary = await replay({
    log,
    schemas,
    topics,
    settings: foldSettingsOf(config),
    limits: limitsOf(config),
    input: DEFAULT_INPUT_LIMITS,
    mask: maskOf(config),
    deadLetterLimits: config.deadLetters,
    metrics: context.metrics,
    lines: recordedLines(files, io.stdin),
    now,
    speed,
    onRecord: (record) => {
      if (record.row === null) rows.delete(record.conversationId);
      else rows.set(record.conversationId, record.row);
      return flags.print === 'records' ? out.line(printableRecord(record)) : undefined;
    },
    onVisit: flags.print === 'visits' ? (key, visit) => void visits.set(key, visit) : null,
    onInvalid: invalidLines(context),
    onProgress: (soFar) => showProgress(context, soFar),
    signal: context.shutdown.signal,
  });
  await sink?.stored(summary.lastOffsets);
  if (flags.print === 'rows') {
    const printed = store === null ? sortedRows(rows.values()) : await storedRows(store);
    for (const row of printed) await out.line(JSON.stringify(row));
  }
  for (const visit of sortedVisits(visits.values())) await out.line(JSON.stringify(printableVisit(visit)));
  await out.flush();
  if (!context.quiet) io.stderr.write(`${clearLine(context)}${summaryText(summary, rows.size)}\n`);
  return flags.strict === true && summary.invalid > 0 ? 1 : 0;
}

/** Nobody needs to know that a replay gets its partitions. */
function withoutRoutine(context: Context): Context {
  const { logger } = context;
  return logger.isLevelEnabled('debug') ? context : { ...context, logger: logger.child({}, { level: 'warn' }) };
}

function sortedRows(rows: Iterable<QueueConversation>): readonly object[] {
  return [...rows]
    .sort((a, b) => compareIds(a.conversation_id, b.conversation_id))
    .map((row) => printableRow(row, TABLE_COLUMNS));
}

function sortedVisits(visits: Iterable<QueueVisit>): readonly QueueVisit[] {
  return [...visits].sort(
    (a, b) =>
      compareIds(a.conversation_id, b.conversation_id) ||
      a.entered_time - b.entered_time ||
      compareIds(a.participant_id, b.participant_id),
  );
}

function nowOf(flag: string | undefined): number {
  if (flag === undefined) return Date.now();
  const parsed = time(flag);
  if (parsed !== null) return parsed;
  throw new UsageError(
    `--now: "${flag}" is not allowed. Give a time in ISO-8601 with a zone, such as 2026-03-02T09:00:00Z.`,
  );
}

function speedOf(flag: string | undefined): number | null {
  if (flag === undefined) return null;
  const speed = Number(flag);
  if (Number.isFinite(speed) && speed > 0) return speed;
  throw new UsageError(`--speed: "${flag}" is not allowed. Give a number above 0, such as 10 for ten times as fast.`);
}

/** Writes lines in larger pieces, because a system call for each line is slow. */
function createOutput(print: (text: string) => Promise<void>): {
  line(text: string): Promise<void> | undefined;
  flush(): Promise<void>;
} {
  let pending: string[] = [];
  const flush = async (): Promise<void> => {
    if (pending.length === 0) return;
    const text = `${pending.join('\n')}\n`;
    pending = [];
    await print(text);
  };
  return {
    flush,
    line: (text) => {
      pending.push(text);
      return pending.length < 100 ? undefined : flush();
    },
  };
}

/** Prints the first invalid lines, because the user wants to know where the recording is wrong. */
function invalidLines(context: Context): (origin: string, message: string) => void {
  const { io, quiet } = context;
  let seen = 0;
  return (origin, message) => {
    seen += 1;
    if (quiet || seen > TOLD_INVALID + 1) return;
    const text = seen > TOLD_INVALID ? 'replay only counts further invalid lines' : `${origin}: invalid: ${message}`;
    io.stderr.write(`${clearLine(context)}${text}\n`);
  };
}

function showProgress({ io, quiet }: Context, { lines, events, invalid, elapsedMs }: ReplaySummary): void {
  if (quiet || io.stderr.isTTY !== true) return;
  io.stderr.write(`\r\x1b[K${lines} lines, ${events} events, ${invalid} invalid, ${rate(events, elapsedMs)} events/s`);
}

function clearLine({ io }: Context): string {
  return io.stderr.isTTY === true ? '\r\x1b[K' : '';
}

function summaryText(summary: ReplaySummary, liveRows: number): string {
  const { lines, events, skipped, invalid, upserts, tombstones, elapsedMs } = summary;
  return (
    `${counted(lines, 'line')}: ${counted(events, 'event')}, ${skipped} skipped, ${invalid} invalid; ` +
    `${counted(upserts + tombstones, 'record')} (${counted(upserts, 'upsert')}, ${counted(tombstones, 'tombstone')}); ` +
    `${counted(liveRows, 'live row')}; ${rate(events, elapsedMs)} events/s`
  );
}

function rate(events: number, elapsedMs: number): number {
  return Math.round((events * 1000) / Math.max(1, elapsedMs));
}
