import { parseError } from '@clickhouse/client';
import { messageOf } from '../../common';
import type { Connection, EngineConnection } from './engine';

type Executed = Parameters<Connection['exec']>[0];

/** `INSERT INTO database.table (columns) SETTINGS name = number FORMAT JSONCompactEachRow`, as the store writes it. */
const OF_LINES =
  /^INSERT INTO `(?<database>\w+)`\.(?<table>\w+) \((?<columns>[\w, ]+)\) SETTINGS (?<settings>\w+ = \d+(?:, \w+ = \d+)*) FORMAT JSONCompactEachRow$/;

/**
 * Runs an INSERT whose lines come as bytes. chdb's `exec` would turn such bytes into a text and that into bytes again:
 * 5 MB of each for 10,000 rows. Its raw insert takes bytes as they are, but needs the parts of the statement. Null:
 * another statement, which `exec` must run.
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
  // Gives ClickHouse's refusals the form that `exec` gives them: with code and name.
  return run().catch((error: unknown) => Promise.reject(parseError(messageOf(error))));
}

function readSetting(setting: string): readonly [string, number] {
  const [name = '', value] = setting.split(' = ');
  return [name, Number(value)];
}
