import { readFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { getHeapStatistics } from 'node:v8';
import { failed, type Finding, type Findings, messageOf, ok, skipped, warning } from '../common';
import { listenAt, localUrl, type Address } from './listen';

/** Facts about this process and the machine around it. */
export interface ProcessFacts {
  /** `process.versions.node` */
  readonly node: string;
  /** How much memory the container (cgroup v1 or v2) may use; null: no limit. */
  readonly memoryLimitBytes: number | null;
  /** The largest heap of V8. */
  readonly heapLimitBytes: number;
  /** The soft limit of open files; null: unknown, or none. */
  readonly openFiles: number | null;
}

const MIB = 1024 * 1024;
const OLDEST_NODE = [20, 19] as const;
/** Enough for a role with the default settings, with room for batches. */
const ENOUGH_MEMORY_BYTES = 512 * MIB;
const ENOUGH_FILES = 1_024;

export function processFacts(): ProcessFacts {
  // Node.js reads the cgroups. Without a limit it returns 0, or more than any machine has.
  const limit = process.constrainedMemory();
  return {
    node: process.versions.node,
    memoryLimitBytes: limit > 0 && limit < 2 ** 50 ? limit : null,
    heapLimitBytes: getHeapStatistics().heap_size_limit,
    openFiles: softLimitOfFiles(),
  };
}

function softLimitOfFiles(): number | null {
  try {
    const [, soft] = /^Max open files\s+(\d+)/m.exec(readFileSync('/proc/self/limits', 'utf8')) ?? [];
    return soft === undefined ? null : Number(soft);
  } catch {
    return null;
  }
}

export function checkProcess({ node, memoryLimitBytes, heapLimitBytes, openFiles }: ProcessFacts): Findings {
  return [checkNode(node), checkMemory(memoryLimitBytes, heapLimitBytes), checkFiles(openFiles)];
}

function checkNode(version: string): Finding {
  const [major = 0, minor = 0] = version.split('.').map(Number);
  const [oldestMajor, oldestMinor] = OLDEST_NODE;
  if (major > oldestMajor || (major === oldestMajor && minor >= oldestMinor)) return ok('node', version);
  return failed('node', version, `Install Node.js ${OLDEST_NODE.join('.')} or later.`);
}

function checkMemory(limit: number | null, heap: number): Finding {
  const heapMib = `heap up to ${Math.round(heap / MIB)} MiB`;
  if (limit === null) return ok('memory', `no limit, ${heapMib}`);
  const detail = `limit ${Math.round(limit / MIB)} MiB, ${heapMib}`;
  if (limit < ENOUGH_MEMORY_BYTES) {
    return warning('memory', detail, `Give each process at least ${ENOUGH_MEMORY_BYTES / MIB} MiB.`);
  }
  if (heap >= limit) {
    const half = Math.round((limit * 0.7) / MIB);
    return warning(
      'memory',
      `${detail}: the system would kill the process before its heap is full`,
      `Set NODE_OPTIONS=--max-old-space-size=${half}.`,
    );
  }
  return ok('memory', detail);
}

function checkFiles(limit: number | null): Finding {
  if (limit === null) return skipped('open files', 'this system does not show its limit');
  if (limit >= ENOUGH_FILES) return ok('open files', `up to ${limit}`);
  return warning('open files', `up to ${limit}`, `Raise it to ${ENOUGH_FILES} (ulimit -n).`);
}

/** Whether a role could serve metrics and health there. A role that already does so is no obstacle. */
export async function checkHttpPort({ host, port }: Address): Promise<Finding> {
  const name = 'http port';
  if (port === 0) return ok(name, 'HTTP_PORT is 0, so queuefold takes a free port');
  try {
    await listenOnce({ host, port });
    return ok(name, `${host}:${port} is free`);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EADDRINUSE') {
      if (await isQueuefold(host, port)) return ok(name, `a running queuefold uses ${host}:${port}`);
      const remedy = 'Set HTTP_PORT to another one, or to 0 for a free one.';
      return failed(name, `another program uses ${host}:${port}`, remedy);
    }
    return failed(
      name,
      messageOf(error),
      'Set HTTP_HOST to an address of this machine, and HTTP_PORT to a port that this user may use.',
    );
  }
}

async function listenOnce(address: Address): Promise<void> {
  const server = createServer();
  await listenAt(server, address);
  await new Promise((resolve) => server.close(resolve));
}

async function isQueuefold(host: string, port: number): Promise<boolean> {
  try {
    const answer = await fetch(`${localUrl({ host, port })}/metrics`, { signal: AbortSignal.timeout(2_000) });
    return (await answer.text()).includes('queuefold_build_info');
  } catch {
    return false;
  }
}
