import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import type { Readable } from 'node:stream';
import type { Environment } from '../../support/processes/role-process';
import { WITH_TYPESCRIPT } from '../../support/processes/run-typescript';
import type { BridgeReport } from './bridge-process';
import type { SoakTimings } from './timings';

/** A place that one bridge at a time fills. One that ends by itself, as at a start without an answer, is started again, as any supervisor does. */
export interface SoakBridge {
  start(): void;
  /** As `kill -9` does. */
  kill(): Promise<void>;
  last(): BridgeReport;
  /** Of all processes of this place together. */
  total(): BridgeReport & { readonly peakRssBytes: number };
  tail(): string;
}

const NOTHING: BridgeReport = {
  ...{ ready: false, pending: 0, urgent: 0, pendingConversations: 0, coalesced: 0 },
  ...{ gaps: 0, requests: 0, reconciled: {}, rssBytes: 0 },
};
const TAIL_LINES = 200;
const RESTART_AFTER_MS = 300;

/** @param timings in the organisation's time */
export function createSoakBridge(env: Environment, acceleration: number, timings: SoakTimings): SoakBridge {
  const reports: BridgeReport[] = [];
  const tail: string[] = [];
  let peakRssBytes = 0;
  let child: ChildProcess | null = null;
  let wanted = false;

  function launch(): void {
    const file = join(__dirname, 'bridge-process.ts');
    const launched = spawn(
      process.execPath,
      ['-e', WITH_TYPESCRIPT, file, String(acceleration), JSON.stringify(timings)],
      {
        env: { PATH: process.env['PATH'] ?? '', ...env },
        stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
      },
    );
    child = launched;
    const place = reports.push(NOTHING) - 1;
    launched.on('message', (report: BridgeReport) => {
      reports[place] = report;
      peakRssBytes = Math.max(peakRssBytes, report.rssBytes);
    });
    launched.once('exit', () => {
      if (wanted && child === launched) setTimeout(() => wanted && child === launched && launch(), RESTART_AFTER_MS);
    });
    createInterface({ input: launched.stderr as Readable }).on('line', (line) => {
      tail.push(line);
      if (tail.length > TAIL_LINES) tail.shift();
    });
  }

  return {
    start() {
      wanted = true;
      launch();
    },
    async kill() {
      wanted = false;
      if (child === null || child.exitCode !== null || child.signalCode !== null) return;
      const exited = once(child, 'exit');
      child.kill('SIGKILL');
      await exited;
    },
    last: () => reports.at(-1) ?? NOTHING,
    total() {
      const sum = (of: (report: BridgeReport) => number): number => reports.reduce((all, one) => all + of(one), 0);
      const outcomes = new Set(reports.flatMap(({ reconciled }) => Object.keys(reconciled)));
      return {
        ...(reports.at(-1) ?? NOTHING),
        gaps: sum(({ gaps }) => gaps),
        requests: sum(({ requests }) => requests),
        reconciled: Object.fromEntries(
          [...outcomes].map((outcome) => [outcome, sum(({ reconciled }) => reconciled[outcome] ?? 0)]),
        ),
        peakRssBytes,
      };
    },
    tail: () => tail.join('\n'),
  };
}
