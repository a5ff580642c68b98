import { join } from 'node:path';
import type { TopicNames } from '../../src/log';
import { startChild } from './child';
import type { BenchCluster } from './cluster';
import type { StoreFigures, StoreProcessArgs, StoreReports } from './store-process';

/** How soon a state record is visible, what ended conversations cost, and how long the views take. */
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
