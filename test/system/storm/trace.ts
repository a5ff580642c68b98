import type { Commit } from './progress';

export type TraceKind =
  'fault' | 'over' | 'rebalance' | 'assigned' | 'fencing' | 'restored' | 'fenced' | 'retry' | 'membership' | 'commit';

/** Something that happened to a member, at a time of its own clock (epoch ms); all run on one machine. */
export interface TraceEvent {
  readonly at: number;
  readonly member: string;
  readonly kind: TraceKind;
  readonly partition: number | null;
  readonly detail: string;
}

/** What the members log of their lives, by message. */
const KINDS: Readonly<Record<string, TraceKind | undefined>> = {
  'joining the group': 'rebalance',
  'partitions assigned': 'assigned',
  'the task fences older owners': 'fencing',
  'task begins': 'restored',
  'another process has taken over the partition': 'fenced',
  'another process took over assigned partitions: the fold joins its group again': 'membership',
  'the group no longer knows this member': 'membership',
  'the member could not join its group and tries again': 'membership',
  'a transaction has an unknown outcome: the task begins again from what Kafka has': 'retry',
};

interface Line {
  readonly time?: string;
  readonly msg?: string;
  readonly partition?: number;
  readonly partitions?: readonly number[];
  readonly topic?: string;
  readonly err?: { readonly message?: string };
  readonly error?: string;
}

/** What a line of a member's log says of it; null: nothing that a time line shows. */
export function eventOf(member: string, text: string): TraceEvent | null {
  if (!text.startsWith('{')) return null;
  const line = parsed(text);
  const kind = KINDS[line.msg ?? ''];
  if (kind === undefined || line.time === undefined) return null;
  const detail = line.partitions?.join(' ') ?? line.err?.message ?? line.error ?? '';
  return { at: Date.parse(line.time), member, kind, partition: line.partition ?? null, detail };
}

function parsed(text: string): Line {
  try {
    return JSON.parse(text) as Line;
  } catch {
    return {}; // the last line of a killed process
  }
}

/** The first commit of each partition that a member was assigned and had not before. */
export function firstCommits(
  events: readonly TraceEvent[],
  commits: ReadonlyMap<number, readonly Commit[]>,
): readonly TraceEvent[] {
  const owners = new Map<number, string>();
  const found: TraceEvent[] = [];
  for (const { at, member, kind, detail } of sorted(events)) {
    if (kind !== 'assigned') continue;
    for (const partition of partitionsIn(detail)) {
      if (owners.get(partition) === member) continue;
      owners.set(partition, member);
      const first = commits.get(partition)?.find((commit) => commit.at >= at);
      if (first === undefined) continue;
      const took = `first after ${first.at - at} ms`;
      found.push({ at: first.at, member, kind: 'commit', partition, detail: took });
    }
  }
  return found;
}

/**
 * Fences of tasks that ran and had nothing to fence for: a partition that stays with a member through a rebalance keeps its
 * task, unless that was fenced or lost an answer.
 */
export function needlessFences(events: readonly TraceEvent[]): readonly TraceEvent[] {
  const tasks = new Map<string, Set<number>>();
  const needless: TraceEvent[] = [];
  for (const event of sorted(events)) {
    const { member, kind, partition, detail } = event;
    const mine = tasks.get(member) ?? new Set();
    tasks.set(member, mine);
    if (kind === 'assigned') for (const one of mine) if (!partitionsIn(detail).includes(one)) mine.delete(one);
    // Killed, or told to stop: the tasks of another process follow.
    if (kind === 'fault' && !detail.startsWith('freeze')) mine.clear();
    if (partition === null) continue;
    if (kind === 'fenced' || kind === 'retry') mine.delete(partition);
    if (kind !== 'fencing') continue;
    if (mine.has(partition)) needless.push(event);
    mine.add(partition);
  }
  return needless;
}

export function partitionsIn(detail: string): readonly number[] {
  return detail === '' ? [] : detail.split(' ').map(Number);
}

export function sorted(events: readonly TraceEvent[]): readonly TraceEvent[] {
  return [...events].sort((a, b) => a.at - b.at);
}
