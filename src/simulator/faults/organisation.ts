import { z } from 'zod';
import { fault, times } from './fault';

/** Changes that administrators and the organization itself make while clients watch. */
export const ORGANISATION_FAULTS = {
  'queues-appear': fault(
    'new queues appear, with conversations',
    { count: times.default(1) },
    ({ levers, hit }, { count }) => {
      const { organisation } = levers;
      for (let added = 0; added < count; added += 1) organisation.addQueue(`Queue ${organisation.queues.length + 1}`);
      hit(count);
      return null;
    },
  ),
  'queues-renamed': fault(
    'a queue gets another name',
    { count: times.default(1) },
    ({ levers, random, hit }, { count }) => {
      for (let renamed = 0; renamed < count; renamed += 1) {
        const { id, name } = random.pick(levers.organisation.queues);
        levers.organisation.renameQueue(
          id,
          `${name.replace(/ \(renamed \d+\)$/, '')} (renamed ${random.integer(1, 999)})`,
        );
        hit();
      }
      return null;
    },
  ),
  'queues-disappear': fault(
    'a queue disappears, and its conversations continue or end; the last queue stays',
    { count: times.default(1), conversations: z.enum(['go-on', 'disconnect']).optional() },
    ({ levers, random, hit }, { count, conversations = random.pick(['go-on', 'disconnect'] as const) }) => {
      const { organisation } = levers;
      for (let removed = 0; removed < count && organisation.queues.length > 1; removed += 1) {
        organisation.removeQueue(random.pick(organisation.queues).id, conversations);
        hit();
      }
      return null;
    },
  ),
  'conversations-forgotten': fault(
    'live conversations disappear: no more notifications, and 404 for requests',
    { count: times.default(1) },
    ({ levers, random, hit }, { count }) => {
      const { organisation } = levers;
      for (let forgotten = 0; forgotten < count; forgotten += 1) {
        const live = organisation.truth().conversations;
        if (live.length === 0) break;
        organisation.forget(random.pick(live).conversation_id);
        hit();
      }
      return null;
    },
  ),
} as const;
