import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { packageRoot, UsageError, write } from '../common';
import type { Context } from './context';
import { changesSince } from './query/changes';
import { SqlError, type SqlRequest, type SqlTarget } from './query/sql';
import { TABLE_FORMAT, parseTable, renderTable, type ResultTable } from './query/table';
import { openTarget } from './query/target';
import { readWords } from './query/words';

export interface QueryFlags {
  /** `table`, `json`, `ndjson`, `csv`, or a name that ClickHouse knows. Default `table`. */
  readonly format?: string;
  readonly watch?: true;
  /** Whether statements may change data, as far as the user's rights allow. */
  readonly write?: true;
}

const FORMATS: Readonly<Record<string, string>> = {
  table: TABLE_FORMAT,
  json: 'JSON',
  ndjson: 'JSONEachRow',
  csv: 'CSVWithNames',
};
const WATCH_MS = 1_000;
/** The codes of a missing table or database: UNKNOWN_TABLE, UNKNOWN_DATABASE. */
const MISSING = /^Code: (?:60|81)\./;
const withoutTables = (database: string): string =>
  `queuefold: CLICKHOUSE_DATABASE: ${database} lacks tables of queuefold. Is it the right database? \`queuefold setup\` ` +
  'creates the tables.\n';

/**
 * `queuefold query [SQL]`. If ClickHouse refuses the statement, the exit code is 1 and stderr has ClickHouse's words.
 * @param words the words of the command line beside its own flags: see `readWords`
 */
export async function runQuery(context: Context, words: readonly string[], flags: QueryFlags): Promise<number> {
  const { config, io, shutdown } = context;
  const format = flags.format ?? 'table';
  if (!/^\w+$/.test(format)) {
    throw new UsageError(
      `--format: ${format} is not a format. Give table, json, ndjson, csv, or a format of ClickHouse.`,
    );
  }
  const { sql, params } = readWords(words);
  const request: SqlRequest = {
    sql: await statementOf(sql, context),
    format: FORMATS[format] ?? format,
    params,
    access: flags.write === true ? 'write' : 'read',
  };
  // The embedded ClickHouse would take what is on stdin for data of an INSERT. A statement from stdin has been read to
  // its end by now.
  if (sql !== '-' && config.clickhouse.url === undefined) io.detachStdin?.('unused');
  const target = await openTarget(config);
  shutdown.onStop('ClickHouse', () => target.close());
  try {
    if (flags.watch === true) await watch(context, target, request);
    else await print(context, target, request);
    return 0;
  } catch (error) {
    if (!(error instanceof SqlError)) throw error;
    await write(io.stderr, `${error.message}\n`);
    if (sql === undefined && MISSING.test(error.message))
      await write(io.stderr, withoutTables(config.clickhouse.database));
    return 1;
  } finally {
    await target.close();
  }
}

/** @param sql `-` reads stdin; absent: the current rows */
async function statementOf(sql: string | undefined, { io }: Context): Promise<string> {
  if (sql === undefined)
    return readFileSync(join(packageRoot(), 'schemas', 'clickhouse', 'queries', 'live.sql'), 'utf8');
  let text = sql;
  if (sql === '-') {
    const chunks: Buffer[] = [];
    for await (const chunk of io.stdin) chunks.push(Buffer.from(chunk));
    text = Buffer.concat(chunks).toString('utf8');
  }
  if (text.trim() === '') throw new UsageError(`${sql === '-' ? 'stdin' : 'SQL'}: empty. Give a statement.`);
  return text;
}

async function print({ io, shutdown }: Context, target: SqlTarget, request: SqlRequest): Promise<void> {
  const answer = await target.run(request, shutdown.signal);
  if (request.format === TABLE_FORMAT) {
    const text = await textOf(answer);
    const table = parseTable(text);
    const { columns: width, rows: height } = io.stdout;
    const shown = table === null ? text : renderTable(table, { width, height });
    await write(io.stdout, shown);
    return;
  }
  // As bytes, because some formats are no text.
  await pipeline(answer, io.stdout, { end: false });
}

/** Repeats each second until somebody stops it: on a terminal in place, otherwise one result after another. */
async function watch({ io, shutdown }: Context, target: SqlTarget, request: SqlRequest): Promise<void> {
  const { signal } = shutdown;
  const terminal = io.stdout.isTTY === true;
  const by = terminal && io.color ? 'reverse' : 'star';
  let before: ResultTable | null = null;
  for (;;) {
    const text = await textOf(await target.run(request, signal));
    const table = request.format === TABLE_FORMAT ? parseTable(text) : null;
    const { columns: width, rows: height } = io.stdout;
    const shown =
      table === null
        ? text
        : renderTable(table, {
            width,
            height,
            overflow: 'counted',
            marks: { isChanged: changesSince(before, table), by },
          });
    before = table;
    await write(io.stdout, terminal ? `\x1b[H\x1b[2J${new Date().toISOString()}\n${shown}` : `${shown}\n`);
    await sleep(WATCH_MS, undefined, { signal });
  }
}

async function textOf(answer: AsyncIterable<Uint8Array>): Promise<string> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of answer) chunks.push(chunk);
  return Buffer.concat(chunks).toString('utf8');
}
