import type { Log, RunningSubscription } from '../../src/log';

export type Commit = RunningSubscription['commit'];

/** The log, with `around` between its subscriptions' commits and the real commit. */
export function logWithCommit(log: Log, around: (commit: Commit) => Commit): Log {
  return {
    ...log,
    subscribe: async (subscription) => {
      const running = await log.subscribe(subscription);
      // One by one: the log is an object of a class, so a spread would copy no method.
      return {
        done: running.done,
        status: () => running.status(),
        ready: () => running.ready(),
        turns: () => running.turns(),
        pause: () => running.pause(),
        resume: () => running.resume(),
        commit: around((offsets) => running.commit(offsets)),
        stop: () => running.stop(),
      };
    },
  };
}
