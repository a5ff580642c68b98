import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { TopicNames } from '../../src/log';
import { startChild } from './child';
import { PARTITIONS } from './cluster';
import type { FoldThreadsArgs, FoldThreadsReports } from './fold-threads-process';

/** A process that folds, seen from outside: the same for every program. */
export interface Program {
  readonly pid: number;
  /** Every partition is restored. */
  readonly ready: Promise<unknown>;
  end(): Promise<void>;
}

export function startFoldThreads(brokers: readonly string[], topics: TopicNames, threads: number): Program {
  return startThreads({ brokers, topics, partitions: PARTITIONS, threads });
}

/** The same program, which records its transactions from `begin` on. */
export function startTracedFold(brokers: readonly string[], topics: TopicNames, threads: number) {
  const child = startThreads({ brokers, topics, partitions: PARTITIONS, threads, trace: true });
  return {
    ...child,
    begin: () => child.tell('begin'),
    result: () => {
      const traces = child.next('trace');
      child.tell('result');
      return traces;
    },
  };
}

function startThreads(args: FoldThreadsArgs) {
  const child = startChild<FoldThreadsReports>(join(__dirname, 'fold-threads-process.js'), args, null);
  return { ...child, ready: child.next('ready') };
}

const TICKS_A_SECOND = 100;

/** The processor time that a process has used so far, microseconds. (Linux only.) */
export function cpuMicrosecondsOf(pid: number): number {
  const fields = readFileSync(`/proc/${pid}/stat`, 'utf8')
    .replace(/^.*\) /, '')
    .split(' ');
  return ((Number(fields[11]) + Number(fields[12])) * 1e6) / TICKS_A_SECOND;
}

/** The greatest resident memory of a process so far, bytes. (Linux only.) */
export function peakBytesOf(pid: number): number {
  const kib = /^VmHWM:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1];
  return Number(kib) * 1024;
}
