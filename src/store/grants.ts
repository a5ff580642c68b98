import { identifier } from './client';

/** A right on all tables of the database, or on one. */
export interface Grant {
  readonly privileges: readonly string[];
  /** Null: all. */
  readonly table: string | null;
}

/** All rights that sink and rebuild need at ClickHouse once the tables exist, and no more. */
export const SINK_GRANTS: readonly Grant[] = [
  { privileges: ['SELECT', 'INSERT'], table: null },
  // The clean-up deletes ended conversations and forgotten names.
  { privileges: ['OPTIMIZE', 'ALTER DELETE'], table: 'queue_conversation_state' },
  { privileges: ['OPTIMIZE'], table: 'names' },
  // An erasure deletes from these tables.
  { privileges: ['ALTER DELETE'], table: 'queue_conversation_history' },
  { privileges: ['ALTER DELETE'], table: 'queue_conversation_lives' },
  { privileges: ['ALTER DELETE'], table: 'queue_visit_state' },
  { privileges: ['ALTER DELETE'], table: 'queue_visit_times' },
];

export const SETUP_GRANTS: readonly Grant[] = [
  {
    // To replace a view, ClickHouse makes one under another name, and drops the old one as a table.
    privileges: [
      'CREATE DATABASE',
      'CREATE TABLE',
      'CREATE VIEW',
      'ALTER',
      'DROP VIEW',
      'DROP TABLE',
      'SELECT',
      'INSERT',
    ],
    table: null,
  },
];

/** `GRANT … ON …`, without the user. */
export function grantText({ privileges, table }: Grant, database: string): string {
  return `GRANT ${privileges.join(', ')} ON ${placeOf(table, database)}`;
}

/** One grant for each table. */
export function mergedGrants(grants: readonly Grant[]): readonly Grant[] {
  const tables = [...new Set(grants.map(({ table }) => table))];
  return tables.map((table) => {
    const privileges = grants.filter((one) => one.table === table).flatMap((one) => one.privileges);
    return { table, privileges: [...new Set(privileges)] };
  });
}

function placeOf(table: string | null, database: string): string {
  return `${identifier(database)}.${table ?? '*'}`;
}
