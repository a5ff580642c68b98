import type { Change, QueueConversation, QueueTable } from '../../../src/client';

/** A program that reads changes, and notes where one is older than what it had. */
export function followChanges(table: QueueTable, name: string, rest: () => Promise<unknown> | null) {
  const versions = new Map<string, number>();
  const wrong: string[] = [];
  const greatest = new Map<string, number>();
  let count = 0;
  let resets = 0;
  const apply = (change: Change<QueueConversation>): void => {
    count += 1;
    if (change.type === 'reset') {
      resets += 1;
      versions.clear();
      return;
    }
    const { id } = change;
    if (change.type === 'delete') {
      if (!versions.delete(id)) wrong.push(`${name}: ${id} was deleted, of which nothing was known`);
      return;
    }
    const version = change.row.db_last_updated.getTime();
    // The writer's versions count up over everything, topics recreated included.
    if (version < (greatest.get(id) ?? 0)) wrong.push(`${name}: ${id} went back to ${version}`);
    greatest.set(id, version);
    versions.set(id, version);
  };
  void (async () => {
    for await (const change of table.changes()) {
      apply(change);
      await rest();
    }
  })();
  return { name, versions, wrong, count: () => count, resets: () => resets };
}
