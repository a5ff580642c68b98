import type { SubscribedTopic } from './channels';

export type Objection = Omit<SubscribedTopic, 'id' | 'state'>;
/** Null: no objection to the topic. */
export type Objects = (topic: string) => Objection | null;

export interface TopicsOptions {
  readonly hasQueue: (id: string) => boolean;
  readonly missingPermissions: ((topic: string) => readonly string[]) | undefined;
}

/** The topics that a client may subscribe: conversations of existing queues, with the permissions that they need. */
export function createTopics({ hasQueue, missingPermissions = () => [] }: TopicsOptions) {
  let further: Objects = () => null;

  const objection: Objects = (topic) => {
    const missing = missingPermissions(topic);
    if (missing.length > 0) return { rejectionReason: 'Missing permissions', missingPermissions: missing };
    const queueId = /^v2\.routing\.queues\.([^.]+)\.conversations$/.exec(topic)?.[1];
    return queueId !== undefined && hasQueue(queueId) ? further(topic) : { rejectionReason: 'Topic not found' };
  };

  return {
    objection,
    /** Sets further objections to topics; null: none any more. */
    object: (objects: Objects | null): void => void (further = objects ?? (() => null)),
  };
}
