import { loadavg } from 'node:os';
import { join } from 'node:path';
import { DEFAULT_FOLD_SETTINGS } from '../../src/conversation';
import type { TopicNames } from '../../src/log';
import { startChild } from './child';
import type { BenchCluster } from './cluster';
import { templatesOf } from './million-states';
import { writeChangelog } from './restore';
import type { TakeoverProcessArgs, TakeoverReports } from './takeover-process';

export interface Takeover {
  readonly standby: 'on' | 'off';
  readonly conversations: number;
  /** From the kill of the owner of half of them until all partitions run. The group notices the kill after 6 s. */
  readonly seconds: number;
  /** Records of the changelog that the fold reads to take over. */
  readonly recordsRead: number;
  readonly peakBytes: number;
  /** Load average. */
  readonly load: number;
}

/**
 * Two folds share a changelog of live conversations. One is killed, and the other takes over: first without copies,
 * then with them.
 */
export async function measureTakeover(
  cluster: BenchCluster,
  topics: TopicNames,
  conversations: number,
  say: (text: string) => void,
): Promise<readonly Takeover[]> {
  const states = templatesOf(DEFAULT_FOLD_SETTINGS).map(({ later }) => later);
  await writeChangelog(cluster, topics, states, conversations);
  const figures: Takeover[] = [];
  for (const standby of ['off', 'on'] as const) {
    const figure = await takeOver(cluster, topics, standby, conversations);
    say(JSON.stringify(figure));
    figures.push(figure);
  }
  return figures;
}

async function takeOver(
  { brokers }: BenchCluster,
  topics: TopicNames,
  standby: 'on' | 'off',
  conversations: number,
): Promise<Takeover> {
  const args: TakeoverProcessArgs = { brokers, topics, standby };
  const start = () => startChild<TakeoverReports>(join(__dirname, 'takeover-process.js'), args, null);
  const [owner, heir] = [start(), start()];
  try {
    const warm = standby === 'on' ? heir.next('warm') : null;
    await Promise.all([owner.next('shared'), heir.next('shared'), warm]);
    const whole = heir.next('whole');
    const killed = performance.now();
    process.kill(owner.pid, 'SIGKILL');
    const { recordsRead, peakBytes } = await whole;
    const seconds = (performance.now() - killed) / 1000;
    return { standby, conversations, seconds, recordsRead, peakBytes, load: loadavg()[0] ?? 0 };
  } finally {
    await Promise.all([owner.end(), heir.end()]);
  }
}
