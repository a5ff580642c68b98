import { join } from 'node:path';
import type { TopicNames } from '../../src/log/topics';
import { startChild } from './child';
import type { BenchCluster } from './cluster';
import type { StoreFigures, StoreProcessArgs, StoreReports } from './store-process';

/** How soon a state record is visible, and what ended conversations cost. */
export async function measureStore(
  { brokers, folder }: BenchCluster,
  topics: TopicNames,
  ended: number,
): Promise<StoreFigures> {
  const args: StoreProcessArgs = { brokers, topics, folder: join(folder, 'store'), ended };
  const child = startChild<StoreReports>(join(__dirname, 'store-process.js'), args, null);
  try {
    return await child.next('done');
  } finally {
    await child.end();
  }
}
