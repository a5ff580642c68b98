import { createRequire } from 'node:module';
import { monitorEventLoopDelay, PerformanceObserver, performance } from 'node:perf_hooks';
import type { TaskHooks } from '../../src/log';
import { Inbox } from '../../src/log/runtime/inbox';

/** What one transaction took, epoch ms. */
export interface TracedTransaction {
  readonly partition: number;
  /** The offsets that it holds; `to` is the offset after the last one. */
  readonly from: number;
  readonly to: number;
  readonly takenAt: number;
  readonly sentAt: number;
  readonly committedAt: number;
}

/** The requests of one kind. */
export interface TracedRequests {
  readonly name: string;
  readonly count: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
  /** By the broker's answer. */
  readonly errors: Readonly<Record<string, number>>;
}

/** What one thread of a fold did while it was traced. */
export interface ThreadTrace {
  readonly transactions: readonly TracedTransaction[];
  /** When the reader handed an event over: `partition-offset` → epoch ms. */
  readonly arrivals: readonly (readonly [event: string, at: number])[];
  readonly requests: readonly TracedRequests[];
  readonly pauses: { readonly gcMs: number; readonly longestGcMs: number; readonly loopP99Ms: number };
}

export interface Recorder {
  readonly hooks: TaskHooks;
  /** Forgets what it has recorded so far. */
  begin(): void;
  result(): ThreadTrace;
}

interface Connection {
  send(this: object, protocol: { readonly request: { readonly apiName: string } }): Promise<unknown>;
}

const NANOSECONDS = 1e6;

/** Records this thread's transactions and requests, from outside of the fold: it wraps the inbox and the connections. */
export function recordTransactions(): Recorder {
  let transactions: TracedTransaction[] = [];
  let arrivals: [string, number][] = [];
  let durations = new Map<string, number[]>();
  let errors = new Map<string, Record<string, number>>();
  const open = new Map<number, { from: number; to: number; takenAt: number; sentAt: number }>();
  const gc = { total: 0, longest: 0 };
  const now = (): number => performance.timeOrigin + performance.now();

  const stock = { push: Inbox.prototype.push, take: Inbox.prototype.take };
  Inbox.prototype.push = function (records, nextOffset) {
    const at = now();
    for (const { partition, offset } of records) arrivals.push([`${partition}-${offset}`, at]);
    stock.push.call(this, records, nextOffset);
  };
  Inbox.prototype.take = function (max) {
    const taken = stock.take.call(this, max);
    const first = taken?.records[0];
    if (taken !== null && first !== undefined) {
      const at = now();
      open.set(first.partition, { from: first.offset, to: taken.nextOffset, takenAt: at, sentAt: at });
    }
    return taken;
  };

  new PerformanceObserver((list) => {
    for (const { duration } of list.getEntries()) {
      gc.total += duration;
      gc.longest = Math.max(gc.longest, duration);
    }
  }).observe({ entryTypes: ['gc'] });
  const loop = monitorEventLoopDelay({ resolution: 1 });
  loop.enable();

  return {
    hooks: {
      beforeCommit(partition) {
        const one = open.get(partition);
        if (one !== undefined) one.sentAt = now();
      },
      afterCommit(partition) {
        const one = open.get(partition);
        if (one === undefined) return;
        open.delete(partition);
        transactions.push({ partition, ...one, committedAt: now() });
      },
    },
    begin() {
      transactions = [];
      arrivals = [];
      durations = new Map();
      errors = new Map();
      Object.assign(gc, { total: 0, longest: 0 });
      loop.reset();
      watchConnections((name, tookMs, error) => {
        const all = durations.get(name) ?? [];
        durations.set(name, all);
        all.push(tookMs);
        if (error === null) return;
        const counts = errors.get(name) ?? {};
        errors.set(name, counts);
        counts[error] = (counts[error] ?? 0) + 1;
      });
    },
    result: () => ({
      transactions,
      arrivals,
      requests: [...durations].map(([name, all]) => ({
        name,
        count: all.length,
        ...{ p50Ms: quantileOf(all, 0.5), p99Ms: quantileOf(all, 0.99) },
        errors: errors.get(name) ?? {},
      })),
      pauses: { gcMs: gc.total, longestGcMs: gc.longest, loopP99Ms: loop.percentile(99) / NANOSECONDS },
    }),
  };
}

/** Only once kafkajs is loaded, because its repairs must come before its modules. */
function watchConnections(onAnswer: (name: string, tookMs: number, error: string | null) => void): void {
  const { prototype } = createRequire(__filename)('kafkajs/src/network/connection') as { prototype: Connection };
  const { send } = prototype;
  prototype.send = async function (protocol) {
    const started = performance.now();
    let error: string | null = null;
    try {
      return await send.call(this, protocol);
    } catch (thrown) {
      error = (thrown as { type?: string }).type ?? String(thrown);
      throw thrown;
    } finally {
      onAnswer(protocol.request.apiName, performance.now() - started, error);
    }
  };
}

export function quantileOf(values: readonly number[], q: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.floor(q * (sorted.length - 1))] ?? NaN;
}
