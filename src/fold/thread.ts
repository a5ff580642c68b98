import type { MetricValues } from '../ops';
import type { RunningRole } from '../wiring';
import type { FromThread, ThreadState, ToThread } from './threads';

/** The channel to the thread that started this one. */
export interface MainPort {
  postMessage(message: FromThread): void;
  on(event: 'message', listener: (message: ToThread) => void): unknown;
}

export interface ThreadOfFold {
  /** Null: it is still starting. */
  role(): RunningRole | null;
  /** The reason why the start waits; null: it does not. */
  waitingFor(): string | null;
  metrics(): Promise<MetricValues>;
  stop(): void;
}

/** Answers the questions of the thread that started this one (threads.ts). */
export function answerMain(port: MainPort, thread: ThreadOfFold): void {
  port.on('message', (message) => {
    if (message === 'stop') thread.stop();
    else void answer(message.ask, message.id).catch(() => undefined);
  });

  async function answer(ask: 'state' | 'metrics', id: number): Promise<void> {
    if (ask === 'metrics') port.postMessage({ id, metrics: await thread.metrics() });
    else port.postMessage({ id, state: await stateOf(thread) });
  }
}

async function stateOf(thread: ThreadOfFold): Promise<ThreadState> {
  const role = thread.role();
  const waitingFor = thread.waitingFor();
  if (role === null) return { tasks: { ok: false, detail: 'starting' }, live: { ok: true }, waitingFor };
  const tasks = (await role.ready['tasks']?.()) ?? { ok: true };
  return { tasks, live: role.live?.() ?? { ok: true }, waitingFor };
}
