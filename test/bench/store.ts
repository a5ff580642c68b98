import { join } from 'node:path';
import type { TopicNames } from '../../src/log';
import { startChild } from './child';
import type { BenchCluster } from './cluster';
import type { StoreFigures, StoreProcessArgs, StoreReports } from './store-process';

/** The time until a state record is visible, the cost of ended conversations, and the time of the views. */
export async function measureStore(
  { brokers, folder }: BenchCluster,
  topics: TopicNames,
  { ended, conversations }: Pick<StoreProcessArgs, 'ended' | 'conversations'>,
): Promise<StoreFigures> {
  const args: StoreProcessArgs = { brokers, topics, folder: join(folder, 'store'), ended, conversations };
  const child = startChild<StoreReports>(join(__dirname, 'store-process.js'), args, null);
  try {
    return await child.next('done');
  } finally {
    await child.end();
  }
}
