import { foldSettingsOf, logAnswers, type RoleParts, type RunningRole, watchLoop } from '../wiring';
import { startFold } from './start';
import { watchTasks } from './task-watch';

/** The fold: events in, rows and tombstones out, exactly once. */
export async function startFoldRole({
  config,
  logger,
  metrics,
  log,
  schemas,
  topics,
  tracing,
}: RoleParts): Promise<RunningRole> {
  const tasks = await startFold({
    log,
    schemas,
    topics,
    settings: foldSettingsOf(config),
    deadLetterLimits: config.deadLetters,
    metrics,
    tracing,
    logger,
    timers: true,
    standby: config.fold.standby,
  });
  const watch = watchTasks({ log, tasks, group: topics.foldGroup, topic: topics.events, metrics, logger });
  const loop = watchLoop({ log, topic: topics.events, turns: () => tasks.turns(), logger });
  return {
    name: 'fold',
    live: loop.live,
    ready: {
      kafka: logAnswers(log, topics.events),
      tasks: () => {
        const states = tasks.status().map(({ partition, state }) => `${partition} ${state}`);
        return { ok: tasks.ready(), detail: states.length === 0 ? 'no partition assigned' : states.join(', ') };
      },
    },
    done: tasks.done,
    stop: () => {
      watch.stop();
      loop.stop();
      return tasks.stop();
    },
  };
}
