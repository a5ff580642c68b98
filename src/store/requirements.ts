import type { ClickHouseClient } from '@clickhouse/client';
import { messageOf, OperatorError } from '../common';
import { ACCESS_DENIED, codeOf, describeStoreError } from './errors';
import { grantText, SETUP_GRANTS } from './grants';

/**
 * The oldest release that has everything that the schema uses. The newest of these features are minOrNull as a window
 * function, and CTEs as sets in views with parameters. Tested on 26.7.
 */
const OLDEST: readonly [number, number] = [24, 8];

export const OLDEST_VERSION = OLDEST.join('.');

export function isNewEnough(version: string): boolean {
  const [major = 0, minor = 0] = version.split('.').map(Number);
  return major > OLDEST[0] || (major === OLDEST[0] && minor >= OLDEST[1]);
}

/** Throws an OperatorError if the server is too old. */
export async function assertNewEnough(client: ClickHouseClient): Promise<void> {
  const result = await client.query({ query: 'SELECT version() AS version', format: 'JSONEachRow' });
  const [row] = await result.json<{ version: string }>();
  const version = row?.version ?? '';
  if (isNewEnough(version)) return;
  throw new OperatorError(
    `ClickHouse ${version} is too old: ${OLDEST_VERSION} or later is needed. Upgrade the server.`,
  );
}

/**
 * Explains a migration's error to the operator. A missing right becomes the GRANT that gives it. Any other error keeps
 * ClickHouse's own words, after the file's name.
 */
export function migrationError(error: unknown, name: string, database: string): Error {
  if (codeOf(error) === null) return error instanceof Error ? error : new Error(messageOf(error));
  if (codeOf(error) !== ACCESS_DENIED) {
    return new OperatorError(`ClickHouse database ${database}: ${name}: ${describeStoreError(error)}.`);
  }
  const message = messageOf(error);
  const user = /(\S+): Not enough privileges/.exec(message)?.[1] ?? 'the user';
  const grant = /the grant(?:\(s\))? ([A-Z].*? ON [^\s,]+?)\.?(?:\s|$)/.exec(message)?.[1];
  return new OperatorError(
    `ClickHouse database ${database}: ${name}: the user ${user} lacks a right that setup needs. ` +
      (grant === undefined
        ? `ClickHouse says: ${describeStoreError(error)}. `
        : `Missing: GRANT ${grant} TO ${user}. `) +
      `All rights that setup needs: ${SETUP_GRANTS.map((grant) => grantText(grant, database)).join('; ')} TO ${user}.`,
  );
}
