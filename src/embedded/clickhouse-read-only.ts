/** As a literal (`'`) or an identifier (`` ` ``). */
export function quoted(quote: "'" | '`', text: string): string {
  return quote + text.replace(/\\/g, '\\\\').replaceAll(quote, `\\${quote}`).replaceAll('\0', '\\0') + quote;
}

const READS = new Set(['SELECT', 'WITH', 'SHOW', 'DESCRIBE', 'EXPLAIN', 'EXISTS', '(']);

/**
 * `readonly = 1` holds against writes, settings and several statements, but the embedded engine still lets through
 * (each seen on 26.7): INTO OUTFILE writes a file, KILL QUERY ends the writer's insert, sqlite() creates a file before it is
 * refused. ClickHouse's own parser says what a statement is: it refuses several at once and answers one canonical
 * spelling without comments, so nothing can hide in quotes that it reads differently than we do.
 */
export async function assertReads(sql: string, ask: (sql: string) => Promise<string>): Promise<void> {
  const canonical = await canonicalForm(sql, ask);
  const bare = canonical.replace(/'(?:[^'\\]|\\.)*'|`(?:[^`\\]|\\.)*`|"(?:[^"\\]|\\.)*"/gs, "''");
  const first = /^\s*(\(|\w+)/.exec(bare)?.[1]?.toUpperCase() ?? '';
  if (!READS.has(first) || /\bINTO\s+OUTFILE\b|\bsqlite\s*\(/i.test(bare)) {
    throw new Error('Code: 164. DB::Exception: default: Cannot execute query in readonly mode. (READONLY)');
  }
}

async function canonicalForm(sql: string, ask: (sql: string) => Promise<string>): Promise<string> {
  try {
    return await ask(`SELECT formatQuerySingleLine(${quoted("'", sql)}) FORMAT TSVRaw`);
  } catch (error) {
    if (!(error instanceof Error)) throw error;
    // The position is that in the statement; only the frame is ours.
    throw new Error(error.message.replace(/: In scope SELECT formatQuerySingleLine\([\s\S]*\)\. \(/, '. ('));
  }
}
