import { UsageError, write } from '../common';
import { requireGroups } from '../config';
import { erase, type EraseTarget, findErasable } from '../erase';
import { checkStore, type Store } from '../store';
import { connectKafka } from '../wiring';
import type { Context } from './context';
import { configuredStore } from './role';
import { counted } from './text';

export interface EraseFlags {
  readonly conversation?: readonly string[];
  readonly address?: string;
  readonly yes?: true;
}

/**
 * `queuefold erase`. Exit code 0: everything is erased, or the command only searched. Exit code 1: a part is not erased
 * yet.
 */
export async function runErase(context: Context, flags: EraseFlags): Promise<number> {
  const { config, logger, metrics, io, quiet, shutdown } = context;
  const target = targetOf(flags);
  requireGroups(config, ['kafka', 'registry']);
  const tell = (text: string): void => {
    if (!quiet) io.stderr.write(`${text}\n`);
  };
  const store = await storeOf(context, tell);
  const connected = connectKafka(config, logger, metrics);
  shutdown.onStop('Kafka clients', () => connected.log.close());

  const parts = { config, store, ...connected };
  const found = await findErasable(parts, target, (topic) => tell(`looking through ${topic}`));
  const ids = found.conversations.map(({ id }) => id);
  if (flags.yes !== true || ids.length === 0) {
    await write(io.stdout, `${JSON.stringify({ dryRun: flags.yes !== true, ...found })}\n`);
    tell(ids.length === 0 ? 'No conversation has this address.' : dryRunText(ids.length));
    return 0;
  }
  const result = await erase(parts, ids, { signal: shutdown.signal });
  await write(io.stdout, `${JSON.stringify({ dryRun: false, ...found, ...result })}\n`);
  if (result.pending.length > 0) {
    io.stderr.write(
      `${result.pending.length} not erased yet, because no fold of this version has answered. A fold erases them as soon as one ` +
        'runs, and a sink then erases them from the tables. Run the same command again to check.\n',
    );
  }
  if (result.visits > 0) {
    io.stderr.write(
      `The visits topic still has ${counted(result.visits, 'visit')}, because the fold runs with VISITS=off or is of an ` +
        'older version. Kafka deletes visits 7 days after they were written. Run the same command again when a fold ' +
        'writes visits.\n',
    );
  }
  const left = Object.entries(result.remaining ?? {});
  for (const [table, rows] of left) {
    io.stderr.write(
      `${table} still has ${counted(rows, 'row')} of them. The next clean-up of the sink deletes what is left.\n`,
    );
  }
  tell(REMAINS);
  return result.pending.length === 0 && result.visits === 0 && left.length === 0 ? 0 : 1;
}

const REMAINS =
  'For some days copies remain in Kafka. The events topic keeps its records until their retention is over, and the compacted ' +
  'topics keep theirs until Kafka compacts them. docs/how-to/erase.md says what remains where, and for how long.';

function dryRunText(count: number): string {
  return `Nothing was changed. With --yes, queuefold would erase ${counted(count, 'conversation')} from the tables, the state of the fold and the compacted topics. ${REMAINS}`;
}

function targetOf({ conversation, address }: EraseFlags): EraseTarget {
  if ((conversation === undefined) === (address === undefined)) {
    throw new UsageError('--conversation ID or --address A: give one of the two');
  }
  if (address !== undefined) {
    if (address.trim() === '') throw new UsageError('--address: empty; allowed: a number or another address');
    return { address: address.trim() };
  }
  const conversations = (conversation ?? []).map((id) => id.trim());
  if (conversations.includes('')) throw new UsageError('--conversation: empty; allowed: the id of a conversation');
  return { conversations: [...new Set(conversations)] };
}

async function storeOf(context: Context, tell: (text: string) => void): Promise<Store | null> {
  if (context.config.clickhouse.url === undefined) {
    tell(
      'CLICKHOUSE_URL is not set, so erase does not search the tables. The sinks delete the rows when they read the tombstones.',
    );
    return null;
  }
  const store = configuredStore(context);
  await checkStore(store);
  return store;
}
