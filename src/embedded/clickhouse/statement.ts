import type { Session } from 'chdb';
import { messageOf } from '../../common';
import { assertReads, quoted } from './read-only';

export interface Statement {
  readonly sql: string;
  /** The format if the statement names none. */
  readonly format: string;
  readonly database: string;
  /** Values of `{name:Type}`, as in a URL: escaped as in TabSeparated. */
  readonly params: Readonly<Record<string, string>>;
  readonly settings: Readonly<Record<string, string>>;
  readonly readOnly: boolean;
  /** How long it may run if it is read-only; absent: 30 s. */
  readonly readSeconds?: number | undefined;
}

export interface StatementResult {
  readonly bytes: Uint8Array;
  readonly rowsRead: number;
  readonly bytesRead: number;
  readonly elapsedSeconds: number;
}

/**
 * The limits of a reader: it shares the process with the writer, nobody can interrupt a query of the embedded engine,
 * and a whole result is in memory. The engine checks the time between blocks, so blocks are small.
 */
const readerLimits = (seconds: number) =>
  `SET max_execution_time = ${seconds}, max_memory_usage = 1000000000, max_result_bytes = 200000000, ` +
  "result_overflow_mode = 'throw', max_threads = 2, max_block_size = 8192, " +
  'function_range_max_elements_in_block = 10000000, readonly = 1';
const READ_SECONDS = 30;

/** Runs on the session and closes it, so that nothing of a statement (database, settings, parameters) outlives it. */
export async function runStatement(session: Session, statement: Statement): Promise<StatementResult> {
  const { database, format, readOnly, readSeconds = READ_SECONDS } = statement;
  const params = Object.entries(statement.params).map(([name, value]) => [name, unescapeTsv(value)]);
  const set = (sql: string) => session.queryAsync(sql);
  const ask = (sql: string, options: { readonly format: string }) =>
    params.length === 0
      ? session.queryAsync(sql, options)
      : session.queryBindAsync(sql, Object.fromEntries(params) as object, options);
  try {
    await set(`USE ${quoted('`', database)}`);
    // Without it `selec` would be a column's name, and the message would differ from a server's.
    await set('SET implicit_select = 0');
    if (readOnly) await set(readerLimits(readSeconds));
    for (const [name, value] of Object.entries(statement.settings)) {
      await set(`SET ${quoted('`', name)} = ${quoted("'", value)}`);
    }
    const sql = readOnly
      ? await assertReads({
          sql: statement.sql,
          database,
          ask: async (text, what) => (await (what === 'question' ? set(text) : ask(text, { format: 'TSVRaw' }))).text(),
        })
      : statement.sql;
    const result = await ask(sql, { format });
    return {
      bytes: result.bytes(),
      rowsRead: result.rowsRead,
      bytesRead: result.bytesRead,
      elapsedSeconds: result.elapsed,
    };
  } catch (error) {
    throw new StatementError(messageOf(error));
  } finally {
    session.close();
  }
}

/** ClickHouse's own message, as a server would send it. */
export class StatementError extends Error {
  readonly code: number;

  constructor(message: string) {
    super(innermost(message));
    this.code = Number(/^Code: (\d+)\./.exec(this.message)?.[1] ?? 0);
  }
}

/** An exception that passed several layers has its code and name once for each; the innermost has the message. */
function innermost(message: string): string {
  const layer =
    /^Code: \d+\. DB::Exception: (Code: \d+\. DB::Exception: .*)\. \([A-Z_]+\)(?: \(version [^()]+\))?\s*$/s;
  const inner = layer.exec(message)?.[1];
  return inner === undefined ? message : innermost(inner);
}

const ESCAPES: Readonly<Record<string, string>> = { b: '\b', f: '\f', r: '\r', n: '\n', t: '\t', '0': '\0' };

/** chdb escapes the value itself. Null is `\N`. */
function unescapeTsv(value: string): string | null {
  if (value === '\\N') return null;
  return value.replace(/\\([\s\S])/g, (_, character: string) => ESCAPES[character] ?? character);
}
