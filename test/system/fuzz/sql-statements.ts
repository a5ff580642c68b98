import { createRandom, type Random } from '../../support/processes/random';

/** What must never be reached, as statements name it. */
export interface Bait {
  /** The path of a file. */
  readonly file: string;
  /** A server's `127.0.0.1:PORT`. */
  readonly address: string;
  /** The name of a variable of the environment. */
  readonly variable: string;
}

export interface Names {
  readonly functions: readonly string[];
  readonly tableFunctions: readonly string[];
  /** Those of both that no list of harmless ones knows. */
  readonly suspects: readonly string[];
}

export interface Statement {
  readonly sql: string;
  readonly params: Readonly<Record<string, string>>;
}

/** In each of them `@` is an expression. */
const AROUND_EXPRESSIONS = [
  'SELECT @',
  'SELECT @ AS x WHERE x IS NOT NULL',
  'DESCRIBE TABLE (SELECT @)',
  'EXPLAIN SELECT @',
  'EXPLAIN AST SELECT @',
  'EXPLAIN SYNTAX SELECT @',
  'EXPLAIN QUERY TREE SELECT @',
  'EXPLAIN PIPELINE SELECT @',
  'EXPLAIN ESTIMATE SELECT @',
  'SELECT * FROM (EXPLAIN SELECT @)',
  'SELECT * FROM (SELECT (SELECT @))',
  'SELECT 1 WHERE 1 IN (SELECT @)',
  'SELECT EXISTS(SELECT @)',
  'WITH @ AS x SELECT x',
  'WITH x AS (SELECT @ AS y) SELECT y FROM x',
  'WITH RECURSIVE r AS (SELECT @ AS y UNION ALL SELECT y FROM r WHERE 0) SELECT * FROM r',
  'SELECT arrayMap(x -> @, [1])',
  "SELECT arrayFold((a, x) -> concat(a, toString(@)), [1], '')",
  'SELECT transform(1, [1], [@], 0)',
  'SELECT * REPLACE(@ AS a) FROM (SELECT 1 AS a)',
  'SELECT * APPLY(x -> @) FROM (SELECT 1 AS a)',
  'SELECT if(1, toString(@), 0)',
  'SELECT 1 FROM numbers(1) GROUP BY @',
  'SELECT 1 FROM numbers(1) ORDER BY @ LIMIT 1 BY @',
  'SELECT number FROM numbers(1) ORDER BY number WITH FILL FROM 0 TO 2 INTERPOLATE (number AS @)',
  'SELECT sum(number) OVER (PARTITION BY @) FROM numbers(1)',
  'SELECT sum(number) OVER w FROM numbers(1) WINDOW w AS (ORDER BY @)',
  'SELECT count() FROM numbers(1) HAVING @ IS NOT NULL',
  'SELECT * FROM numbers(1) ARRAY JOIN [@] AS k',
  'SELECT * FROM numbers(1) AS a JOIN numbers(1) AS b ON toString(a.number) = toString(@)',
  'SELECT * FROM view(SELECT @)',
  "SELECT * FROM values('a String', toString(@))",
  "SELECT a, b FROM values('a UInt8, b String ALIAS toString(@)', 1)",
  "SELECT a, b FROM values('a UInt8, b String DEFAULT toString(@)', (1, ''))",
  "SELECT * FROM generateRandom('a String MATERIALIZED toString(@), b String ALIAS toString(@)') LIMIT 1",
  'SELECT * FROM queue_conversation_at(at = (SELECT toDateTime(@)))',
  'SELECT 1 UNION ALL SELECT length(toString(@))',
  "SELECT toString(@) EXCEPT SELECT ''",
  'SHOW TABLES WHERE name != toString(@)',
  'SHOW COLUMNS FROM queue_conversation WHERE field != toString(@)',
  'INSERT INTO names SELECT @',
  'CREATE TABLE stolen ENGINE = Memory AS SELECT @',
  'CREATE VIEW stolen AS SELECT @',
  'CREATE TEMPORARY TABLE stolen AS SELECT @',
  'SELECT 1; SELECT @',
  'SELECT throwIf(1, toString(@))',
  "SELECT @ INTO OUTFILE 'stolen'",
  'SELECT 1 LIMIT length(toString(@))',
  'SELECT quantile(length(toString(@)))(1)',
  'SELECT 1 SETTINGS max_threads = @',
];
/** In each of them `@` is a table function or a table. */
const AROUND_TABLES = [
  'SELECT * FROM @',
  'DESCRIBE TABLE @',
  'DESC @',
  'EXPLAIN SELECT * FROM @',
  'EXPLAIN TABLE OVERRIDE @ COLUMNS (a UInt8)',
  'EXPLAIN ESTIMATE SELECT * FROM @',
  'SELECT * FROM (SELECT * FROM @)',
  'SELECT (SELECT * FROM @ LIMIT 1)',
  "SELECT 'a' IN (SELECT * FROM @)",
  'SELECT 1 IN @',
  'WITH x AS (SELECT * FROM @) SELECT * FROM x',
  'WITH @ AS x SELECT 1 IN x',
  'SELECT * FROM view(SELECT * FROM @)',
  "SELECT * FROM viewIfPermitted(SELECT * FROM @ ELSE null('a UInt8'))",
  'SELECT * FROM loop(@) LIMIT 1',
  "SELECT * FROM cluster('default', @)",
  "SELECT * FROM remote('127.0.0.1', @)",
  'SELECT * FROM numbers(1) AS a, @ AS b',
  'SELECT * FROM numbers(1) AS a LEFT JOIN @ AS b ON 1 = 1',
  'SELECT arrayMap(x -> (SELECT * FROM @ LIMIT 1), [1])',
  'INSERT INTO names SELECT * FROM @',
  'INSERT INTO FUNCTION @ SELECT 1',
  'CREATE TABLE stolen AS @',
  'CREATE TABLE stolen ENGINE = Memory AS SELECT * FROM @',
  'SHOW CREATE TABLE @',
  'EXISTS TABLE @',
  'CHECK TABLE @',
  'SELECT * FROM queue_conversation_at(at = (SELECT now() FROM @))',
  'FROM @ SELECT *',
  'SELECT * FROM @ FORMAT RawBLOB',
  "SELECT * FROM eval('SELECT * FROM @')",
];

/** Endless: every name of the engine in turn, with all kinds of arguments, spelled and wrapped in all kinds of ways. */
export function* statements(seed: number, names: Names, bait: Bait): Generator<Statement> {
  const random = createRandom(seed);
  const { functions, tableFunctions, suspects } = names;
  for (;;) {
    for (const name of random.shuffled([...functions, ...tableFunctions])) {
      const suspect = suspects[random.below(suspects.length)] ?? name;
      for (const each of [name, suspect, suspect, '']) yield statement(random, each, names, bait);
    }
  }
}

/** @param name empty: one of the things that are no function */
function statement(random: Random, name: string, { tableFunctions }: Names, bait: Bait): Statement {
  const pick = <T>(items: readonly [T, ...T[]]): T => items[random.below(items.length)] ?? items[0];
  const params: Record<string, string> = {};
  const call = (): string => {
    if (name === '') return noFunction(random, bait);
    const gap = pick(['', '', '', '', '', ' ', '/* x */', '\n', ' -- x\n', '\u00a0']);
    return `${spelled(random, name)}${gap}(${list(random, bait, params)})`;
  };
  const isTable = name === '' ? random.below(2) === 0 : tableFunctions.includes(name);
  const around = isTable ? AROUND_TABLES : AROUND_EXPRESSIONS;
  const frame = around[random.below(around.length)] ?? '@';
  const inner = call();
  // Within a literal (a declaration of columns, eval) quotes are escaped.
  const sql = frame.replaceAll(/'(?:[^'@]*)@[^']*'|@/g, (place) =>
    place === '@' ? inner : place.replace(/@/g, inner.replace(/\\/g, '\\\\').replaceAll("'", "\\'")),
  );
  return { sql: disguised(random, sql), params };
}

function spelled(random: Random, name: string): string {
  const mixed = Array.from(name, (each) => (random.below(2) === 0 ? each.toUpperCase() : each.toLowerCase())).join('');
  const ways = [
    name,
    name,
    name,
    name,
    name,
    name,
    `\`${name}\``,
    `"${name}"`,
    name.toUpperCase(),
    name.toLowerCase(),
    mixed,
  ];
  return ways[random.below(ways.length)] ?? name;
}

function list(random: Random, bait: Bait, params: Record<string, string>): string {
  const shapes = shapesOf(bait);
  if (random.below(3) > 0) return shapes[random.below(shapes.length)] ?? '';
  return Array.from({ length: random.below(6) }, (_, place) => argument(random, bait, params, place)).join(', ');
}

/** Arguments that functions with sources take. */
function shapesOf({ file, address, variable }: Bait): readonly string[] {
  const url = `http://${address}/x.csv`;
  return [
    ...[`'${file}'`, `'${file}', 'LineAsString'`, `'${file}', 'LineAsString', 'line String'`, `'${file}', 'x'`],
    ...["'/proc/self/environ'", "'/proc/self/environ', 'RawBLOB'", `concat('${file}', '')`, `'${variable}'`],
    ...[`'${url}'`, `'${url}', 'LineAsString'`, `'${url}', 'LineAsString', 'line String'`, `'${url}', NOSIGN`],
    ...[`'${address}', system, one`, `'${address}', 'd', 't', 'u', 'p'`, `'default', '${url}'`, `'default', '${file}'`],
    ...[`'${address}', 'd', 't', 'u', 'p', 'a String'`, `'cat ${file}', 'LineAsString', 'line String'`, "'', '', ''"],
    ...[`'http://${address}', 'db', 't'`, `'http://${address}/b/k', 'id', 'key', 'CSV', 'a String'`, "'system', '.*'"],
    ...[
      "'demo', 'names'",
      'demo, names',
      "'names'",
      '1',
      '',
      "'UTC'",
      "'a String'",
      `'${address}', 'u', 'p', 'd', 't', 'c'`,
    ],
  ];
}

function argument(random: Random, bait: Bait, params: Record<string, string>, place: number): string {
  const { file, address, variable } = bait;
  const texts = [
    ...[file, file, file, `file://${file}`, '/proc/self/environ', variable, address, address],
    ...[`http://${address}/`, `http://${address}/x.csv`, `http://${address}/`, `http://${address}/bucket/key`],
    ...['LineAsString', 'RawBLOB', 'CSV', 'line String', 'auto', 'demo', 'names', 'system', 'one', 'default', 'sum'],
    ...['cat', `cat ${file}`, 'UTC', '%', '1', 'a', `${address}/db`, `jdbc:sqlite:${file}`, 'SELECT 1'],
  ];
  const text = texts[random.below(texts.length)] ?? file;
  const quotedText = `'${text.replace(/'/g, "\\'")}'`;
  const ways = [
    ...[quotedText, quotedText, quotedText, quotedText, '1', '2.5', 'NULL', '[1, 2]', `[${quotedText}]`, 'now()'],
    ...[`concat('', ${quotedText})`, `unhex('${Buffer.from(text).toString('hex')}')`, 'x -> x', 'demo.names', '*'],
    ...[`base64Decode('${Buffer.from(text).toString('base64')}')`, `toFixedString(${quotedText}, ${text.length})`],
    ...[`(SELECT ${quotedText})`, `{p${place}:String}`, `materialize(${quotedText})`, `map('a', ${quotedText})`],
    ...[`e = ${quotedText}`, `headers('A' = ${quotedText})`, `$$${text}$$`, `x'${Buffer.from(text).toString('hex')}'`],
  ];
  const way = ways[random.below(ways.length)] ?? quotedText;
  if (way.startsWith('{')) params[`p${place}`] = text;
  return way;
}

/** Files are tables of the database `default`; functions have other names, and are named in other ways. */
function noFunction(random: Random, { file, address, variable }: Bait): string {
  const ways = [
    `default.\`${file}\``,
    `\`default\`.\`${file}\``,
    `"default"."${file}"`,
    `'${file}'`,
    `\`${file}\``,
    `(SELECT * APPLY(file) FROM (SELECT '${file}'))`,
    `(SELECT * APPLY file FROM (SELECT '${file}'))`,
    `(SELECT COLUMNS('a') APPLY(file) FROM (SELECT '${file}' AS a))`,
    `(SELECT arrayMap(file, ['${file}']))`,
    `(SELECT '${file}' AS \`it's\`, file(\`it's\`) AS \`it\\'s\`)`,
    `file\u200b('${file}')`,
    `ｆｉｌｅ('${file}')`,
    `file /* ' */ ('${file}') /* ' */`,
    `system.processes`,
    `system.server_settings`,
    `system.stack_trace`,
    `system.query_log`,
    `merge('system', '.*')`,
    `getSetting('${variable}')`,
    `getServerSetting('${variable}')`,
    `getMacro('${variable}')`,
    `url('http://${address}/', 'LineAsString', 'line String')`,
    `file('${file}', 'LineAsString', 'line String')`,
    `file('/proc/self/environ', 'RawBLOB', 'line String')`,
    `s3('http://${address}/bucket/key', NOSIGN, 'LineAsString', 'line String')`,
    `remote('${address}', 'system', 'one')`,
    `mysql('${address}', 'd', 't', 'u', 'p')`,
    `postgresql('${address}', 'd', 't', 'u', 'p')`,
    `mongodb('${address}', 'd', 't', 'u', 'p', 'a String')`,
    `redis('${address}', 'key', 'key String, value String')`,
    `executable('cat ${file}', 'LineAsString', 'line String')`,
    `hasColumnInTable('${address}', 'u', 'p', 'd', 't', 'c')`,
    `catboostEvaluate('${file}', 1)`,
  ];
  return ways[random.below(ways.length)] ?? file;
}

function disguised(random: Random, sql: string): string {
  const ways = [
    ...Array.from({ length: 8 }, () => (text: string) => text),
    (text: string) => `${text};`,
    (text: string) => `/* SELECT 1 */ ${text} -- '`,
    (text: string) => `-- SELECT 1\n${text}`,
    (text: string) => `\ufeff${text}`,
    (text: string) => `(${text})`,
    (text: string) => `${text} FORMAT JSONEachRow`,
    (text: string) => text.replaceAll(' ', '\t\n'),
    (text: string) => `${text}\0`,
    (text: string) => `#! SELECT 1\n${text}`,
  ];
  return (ways[random.below(ways.length)] ?? String)(sql);
}
