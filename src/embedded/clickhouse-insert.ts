import { parseError } from '@clickhouse/client';
import { messageOf } from '../common';
import type { Connection, EngineConnection } from './clickhouse-engine';

type Executed = Parameters<Connection['exec']>[0];

/** `INSERT INTO database.table (columns) SETTINGS name = number FORMAT JSONCompactEachRow`, as the store writes it. */
const OF_LINES =
  /^INSERT INTO `(?<database>\w+)`\.(?<table>\w+) \((?<columns>[\w, ]+)\) SETTINGS (?<settings>\w+ = \d+(?:, \w+ = \d+)*) FORMAT JSONCompactEachRow$/;

/**
 * Runs an INSERT whose lines come as bytes. Of such bytes chdb's `exec` makes a text, and bytes of that again: 5 MB of each
 * for 10,000 rows. Its raw insert takes them as they are, but wants to know the parts of the statement.
 * Null: it is another statement, which `exec` must run.
 */
export function insertLines(connection: EngineConnection, params: Executed): Promise<void> | null {
  const { query, values } = params;
  const parts = OF_LINES.exec(query)?.groups;
  if (values === undefined || typeof values === 'string' || parts === undefined) return null;
  const { database = '', table = '', columns = '', settings = '' } = parts;
  const run = async (): Promise<void> => {
    const chunks: Buffer[] = [];
    for await (const chunk of values) chunks.push(chunk as Buffer);
    const [first] = chunks;
    await connection.chdb.rawInsert({
      table: `${database}.${table}`,
      columns: columns.split(', '),
      settings: Object.fromEntries(settings.split(', ').map(readSetting)),
      format: 'JSONCompactEachRow',
      values: first !== undefined && chunks.length === 1 ? first : Buffer.concat(chunks),
    });
  };
  // As `exec` words what ClickHouse refuses: with its code and its name.
  return run().catch((error: unknown) => Promise.reject(parseError(messageOf(error))));
}

function readSetting(setting: string): readonly [string, number] {
  const [name = '', value] = setting.split(' = ');
  return [name, Number(value)];
}
