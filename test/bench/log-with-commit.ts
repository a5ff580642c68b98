import type { Log, RunningSubscription } from '../../src/log';

export type Commit = RunningSubscription['commit'];

/** The log; what its subscriptions commit goes through `around` with the commit itself. */
export function logWithCommit(log: Log, around: (commit: Commit) => Commit): Log {
  return {
    ...log,
    subscribe: async (subscription) => {
      const running = await log.subscribe(subscription);
      // One by one: it is an object of a class, of which a spread would take nothing.
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
