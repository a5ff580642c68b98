import { join } from 'node:path';
import type { TopicNames } from '../../src/log/topics';
import { startChild } from './child';
import type { BenchCluster } from './cluster';
import type { SinkFigures, SinkProcessArgs, SinkReports } from './sink-process';

/** The state topic that a fold left behind, into the embedded ClickHouse; then the same rows without Kafka. */
export async function measureSink(
  { brokers, folder }: BenchCluster,
  topics: TopicNames,
  profile: string | null,
): Promise<SinkFigures> {
  const args: SinkProcessArgs = { brokers, topics, folder };
  const child = startChild<SinkReports>(join(__dirname, 'sink-process.js'), args, profile);
  try {
    return await child.next('done');
  } finally {
    await child.end();
  }
}
