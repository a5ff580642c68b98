import { allowedInStatements, type Allowed } from './allowed-names';
import { NAME, parseSyntaxTree, type SyntaxNode } from './syntax-tree';

/** Quotes a literal (`'`) or an identifier (`` ` ``). */
export function quoted(quote: "'" | '`', text: string): string {
  return quote + text.replace(/\\/g, '\\\\').replaceAll(quote, `\\${quote}`).replaceAll('\0', '\\0') + quote;
}

export interface ReadCheck {
  readonly sql: string;
  /** The database of unqualified table names. */
  readonly database: string;
  /** Asks the engine, as text without escapes. `statement`: with the parameters of the statement. */
  readonly ask: (sql: string, what: 'question' | 'statement') => Promise<string>;
}

/**
 * `readonly = 1` forbids writes and settings, but the embedded engine still lets a statement read any file (`file()`,
 * and tables of the database `default` are files), connect (`url()`, even while it only describes), write (`INTO
 * OUTFILE`), and end the writer's insert (`KILL QUERY`). So a statement runs only if everything in it is on a list of
 * harmless names, by the engine's own parse of it. `formatQuerySingleLine` refuses several statements at once and
 * answers one canonical spelling; `EXPLAIN AST` answers the tree of exactly that text. The tree lacks some members (the
 * function of APPLY, conditions of SHOW), so a statement with any of these is refused, and each name before a bracket
 * is looked up once more.
 *
 * @returns the statement to run in its place
 * @throws ClickHouse's message for a syntax error, and its codes for refusals
 */
export async function assertReads(check: ReadCheck): Promise<string> {
  const { sql, ask } = check;
  if (sql.includes('\0')) throw refused('a NUL character');
  const canonical = (await canonicalForm(sql, ask)).trimEnd();
  const bare = withoutLiterals(canonical);
  if (!isReading(bare)) {
    throw new Error('Code: 164. DB::Exception: default: Cannot execute query in readonly mode. (READONLY)');
  }
  const allowed = allowedInStatements();
  const tree = parseSyntaxTree(await ask(`EXPLAIN AST ${canonical}`, 'statement'));
  const used = collect(tree, allowed);
  if (/^(SHOW|EXISTS)\b/.test(bare)) addShown(bare, used);
  const catalogue = await readCatalogue(used, ask);
  for (const name of used.parameterizedViews) assertView(name, check.database, catalogue);
  for (const name of used.tables) assertTable(name, check.database, catalogue, allowed);
  for (const name of used.columns) assertColumn(name, catalogue, allowed);
  for (const name of calledIn(bare)) assertCallable(name, used, allowed);
  return canonical;
}

const READS = new Set(['SELECT', 'WITH', 'SHOW', 'DESCRIBE', 'EXPLAIN', 'EXISTS', '(']);

function isReading(bare: string): boolean {
  const first = /^\s*(\(|\w+)/.exec(bare)?.[1]?.toUpperCase() ?? '';
  return READS.has(first) && !/\bINTO\s+OUTFILE\b/i.test(bare);
}

/**
 * Empties literals, removes parameters (`{name:Array(String)}`), and keeps only ordinary quoted names. A name with an
 * escape would hide lines of the tree.
 */
function withoutLiterals(canonical: string): string {
  const bare = canonical.replace(/'(?:[^'\\]|\\.)*'|`(?:[^`\\]|\\.)*`/gs, (quotedText) => {
    if (quotedText.startsWith("'")) return "''";
    if (/[\\\p{Cc}]/u.test(quotedText)) throw refused('a name with a backslash, a backtick or a control character');
    return new RegExp(`^\`${NAME}\`$`, 'u').test(quotedText) ? quotedText : '`?`';
  });
  return bare.replace(/\{[^{}]*\}/g, '{}');
}

async function canonicalForm(sql: string, ask: ReadCheck['ask']): Promise<string> {
  try {
    return await ask(`SELECT formatQuerySingleLine(${quoted("'", sql)}) FORMAT TSVRaw`, 'question');
  } catch (error) {
    if (!(error instanceof Error)) throw error;
    // The position refers to the statement; only the frame around it is ours.
    throw new Error(error.message.replace(/: In scope SELECT formatQuerySingleLine\([\s\S]*\)\. \(/, '. ('));
  }
}

interface Used {
  readonly tables: Set<string>;
  readonly columns: Set<string>;
  readonly parameterizedViews: Set<string>;
}

/** Kinds whose whole meaning is in their children and in the parts that are checked below. */
const HARMLESS = new Set([
  ...['SelectWithUnionQuery', 'SelectIntersectExceptQuery', 'SelectQuery', 'ExpressionList', 'Subquery', 'WithElement'],
  ...['TablesInSelectQuery', 'TablesInSelectQueryElement', 'TableExpression', 'TableJoin', 'ArrayJoin', 'SampleRatio'],
  ...['Asterisk', 'QualifiedAsterisk', 'ColumnsRegexpMatcher', 'ColumnsListMatcher'],
  ...['QualifiedColumnsRegexpMatcher', 'QualifiedColumnsListMatcher', 'ColumnsTransformerList'],
  ...['ColumnsExceptTransformer', 'ColumnsReplaceTransformer', 'ColumnsReplaceTransformer::Replacement'],
  ...['OrderByElement', 'InterpolateElement', 'WindowDefinition', 'WindowListElement', 'Literal', 'DescribeQuery'],
  ...['ShowTables', 'ShowColumns', 'ShowFunctions', 'ShowCreateTableQuery', 'ShowCreateViewQuery'],
  ...['ShowCreateDatabaseQuery', 'ExistsTableQuery', 'ExistsViewQuery', 'ExistsDatabaseQuery'],
]);
/** Their second argument may be a table's name. */
const IN = /^(?:global)?(?:not)?(?:null)?in(?:ignoreset)?$/i;

function collect(root: SyntaxNode, allowed: Allowed): Used {
  const used: Used = { tables: new Set(), columns: new Set(), parameterizedViews: new Set() };
  const walk = (node: SyntaxNode, parent: SyntaxNode): void => {
    const { kind, name } = node;
    if (kind === 'Function') {
      if (parent.kind === 'TableExpression') {
        if (!allowed.isTableFunction(name)) used.parameterizedViews.add(name);
        else if (/values$/i.test(name)) assertOnlyTypes(node);
      } else if (!allowed.isFunction(name)) throw refused(`the function ${name}`);
      if (IN.test(name)) for (const table of secondArguments(node)) used.tables.add(table);
    } else if (kind === 'TableIdentifier') used.tables.add(name);
    else if (kind === 'Identifier') used.columns.add(name);
    else if (kind === 'Explain') assertExplains(node);
    else if (!HARMLESS.has(kind) && !(kind === 'Set' && parent.kind === 'Explain')) {
      throw refused(kind === '' ? 'an unusual name' : `a part of it (${kind})`);
    }
    for (const child of node.children) walk(child, node);
  };
  for (const child of root.children) walk(child, root);
  return used;
}

function secondArguments({ children: [list] }: SyntaxNode): readonly string[] {
  const second = list?.children[1];
  return second?.kind === 'Identifier' ? [second.name] : [];
}

/** The first argument of values() may declare columns, and a declared column may contain an expression. */
function assertOnlyTypes({ children: [list] }: SyntaxNode): void {
  const first = list?.children[0];
  const isRow = first?.kind === 'Function' && /^(?:tuple|array)$/i.test(first.name);
  const isDeclaration = first?.kind === 'Literal' && first.name.startsWith("'");
  if (isDeclaration ? EXPRESSION.test(first.name) : !isRow && first?.kind !== 'Literal') {
    throw refused('a column of values() that is more than a name and a type');
  }
}

const EXPRESSION = /alias|default|materialized|ephemeral|ttl|codec|statistics|settings|collate|auto_increment/i;

/** EXPLAIN of anything but a SELECT may do more than explain. */
function assertExplains({ children }: SyntaxNode): void {
  const kinds = children.map(({ kind }) => kind).filter((kind) => kind !== 'Set' && kind !== 'Identifier');
  if (kinds.length !== 1 || !['SelectWithUnionQuery', 'Explain'].includes(kinds[0] ?? '')) {
    throw refused('EXPLAIN of anything but a SELECT');
  }
}

const WORD = '(?:[\\p{L}\\p{N}_]+|`[^`]*`)';
const SHOWN = new RegExp(
  String.raw`^(?:SHOW|EXISTS)(?: (?:FULL|EXTENDED|TEMPORARY))*(?: (?:CREATE )?(?:TABLES?|DATABASES?|VIEW|COLUMNS|INDEXES|FUNCTIONS|SETTINGS|MERGES))` +
    String.raw`(?: (?!FROM |LIKE |ILIKE |NOT |LIMIT |FORMAT )(${WORD}(?:\.${WORD})?))?(?: FROM (${WORD})(?: FROM (${WORD}))?)?` +
    String.raw`(?: (?:NOT )?I?LIKE '')?(?: LIMIT \d+)?(?: FORMAT \w+)?$`,
  'u',
);

/** The tree contains little of SHOW, so only forms without a condition pass. */
function addShown(bare: string, used: Used): void {
  const match = SHOWN.exec(bare);
  if (match === null) throw refused('this form of SHOW');
  const [, named, from, fromDatabase] = match;
  const words = (text: string): string => text.replaceAll('`', '');
  if (named !== undefined && !/ DATABASE /.test(bare)) used.tables.add(words(named));
  if (from !== undefined && / (?:COLUMNS|INDEXES) /.test(bare)) {
    used.tables.add(words(fromDatabase === undefined ? from : `${fromDatabase}.${from}`));
  }
}

interface Catalogue {
  /** The engine of each database. */
  readonly databases: ReadonlyMap<string, string>;
  /** The engine of each table, by `database.table`. */
  readonly tables: ReadonlyMap<string, string>;
  /** Functions whose names are those of possible columns. */
  readonly functions: readonly string[];
  readonly tableFunctions: ReadonlySet<string>;
}

async function readCatalogue(used: Used, ask: ReadCheck['ask']): Promise<Catalogue> {
  const parts = [...used.tables, ...used.columns, ...used.parameterizedViews].flatMap((name) => name.split('.'));
  const names = [...new Set(parts)].map((name) => quoted("'", name)).join(', ') || "''";
  const answer = await ask(
    "SELECT 'database', '', name, engine FROM system.databases UNION ALL " +
      `SELECT 'table', database, name, engine FROM system.tables WHERE name IN (${names}) UNION ALL ` +
      `SELECT 'function', '', name, '' FROM system.functions WHERE lower(name) IN (${names.toLowerCase()}) UNION ALL ` +
      `SELECT 'table function', '', name, '' FROM system.table_functions FORMAT JSONCompactEachRow`,
    'question',
  );
  const rows = answer
    .split('\n')
    .filter(Boolean)
    .map((line) => JSON.parse(line) as [string, string, string, string]);
  const of = (kind: string) => rows.filter((row) => row[0] === kind);
  return {
    databases: new Map(of('database').map(([, , name, engine]) => [name, engine])),
    tables: new Map(of('table').map(([, database, name, engine]) => [`${database}.${name}`, engine])),
    functions: of('function').map(([, , name]) => name),
    tableFunctions: new Set(of('table function').map(([, , name]) => name.toLowerCase())),
  };
}

/** Engines that keep their rows in the data directory or in memory, or that are a stored SELECT. */
const OWN_DATA = /^(?:\w*MergeTree|View|MaterializedView|Memory|Log|TinyLog|StripeLog|Null|Set|Join)$/;

function assertTable(name: string, current: string, { databases, tables }: Catalogue, allowed: Allowed): void {
  const parts = name.split('.');
  const [database, table] = parts.length === 1 ? [current, name] : [parts[0] ?? '', parts.slice(1).join('.')];
  if (/^information_schema$/i.test(database)) return;
  const engine = tables.get(`${database}.${table}`);
  if (database === 'system') {
    if (engine !== undefined && !allowed.isSystemTable(table)) throw refused(`the table ${database}.${table}`);
    return;
  }
  // A name without a table belongs to the statement itself, or the engine reports it as unknown. But in this engine's
  // database `default` a name without a table is a file's.
  const isHarmless = engine === undefined ? databases.get(database) !== 'Overlay' : OWN_DATA.test(engine);
  if (!isHarmless) throw refused(`the table ${database}.${table}`);
}

/**
 * In the place of a column, `default.x` may be a table (`1 IN default.x`, through an alias), and a function's name is
 * that function (`arrayMap(file, …)`).
 */
function assertColumn(name: string, catalogue: Catalogue, allowed: Allowed): void {
  const [first = '', second] = name.split('.');
  if (second === undefined) {
    const sameName = catalogue.functions.filter((each) => each.toLowerCase() === name.toLowerCase());
    if (!sameName.every(allowed.isFunction)) throw refused(`the function ${name}`);
  } else if (catalogue.databases.get(first) === 'Overlay' || first === 'system') {
    assertTable(`${first}.${second}`, first, catalogue, allowed);
  }
}

function assertView(name: string, current: string, { tables, tableFunctions }: Catalogue): void {
  const isFunction = tableFunctions.has(name.toLowerCase());
  if (isFunction || tables.get(name.includes('.') ? name : `${current}.${name}`) !== 'View') {
    throw refused(`the table function ${name}`);
  }
}

/** Words before a bracket that are not a function's name in a canonical statement. */
const WORDS = new Set(['columns', 'except', 'replace']);

/** All names before a bracket. No function is called without one, except in APPLY, which is refused above. */
function calledIn(bare: string): readonly string[] {
  return [...bare.matchAll(new RegExp(String.raw`(${WORD}(?:\.${WORD})*)\(`, 'gu'))].map(([, name = '']) =>
    name.replaceAll('`', ''),
  );
}

function assertCallable(name: string, used: Used, allowed: Allowed): void {
  const isKnown =
    WORDS.has(name.toLowerCase().split('.').at(-1) ?? '') ||
    allowed.isFunction(name) ||
    allowed.isTableFunction(name) ||
    used.parameterizedViews.has(name);
  if (!isKnown) throw refused(`the function ${name}`);
}

function refused(what: string): Error {
  return new Error(
    `Code: 497. DB::Exception: readers may not use ${what}, because it is not on the list of what is known to be harmless. Stop ` +
      '`queuefold start` and run `queuefold query --write` instead. (ACCESS_DENIED)',
  );
}
