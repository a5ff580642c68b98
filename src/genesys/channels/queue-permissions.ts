import type { Logger, Metrics } from '../../ops';
import type { Subscribed } from './live-channel';
import type { Packing } from './packing';
import { queueTopic, type Rejection } from './subscriptions';

export interface QueueSubscription {
  readonly subscription: 'pending' | 'permitted' | 'rejected';
  readonly missingPermissions: readonly string[];
}

const PENDING: QueueSubscription = { subscription: 'pending', missingPermissions: [] };

/** What Genesys permits and refuses, queue by queue, in logs and metrics. */
export class QueuePermissions {
  readonly #subscriptions = new Map<string, QueueSubscription>();
  readonly #idOf = new Map<string, string>();

  constructor(
    private readonly metrics: Metrics,
    private readonly logger: Logger,
  ) {}

  of(queueId: string): QueueSubscription {
    return this.#subscriptions.get(queueId) ?? PENDING;
  }

  /** Forgets all other queues. */
  keep(queues: Packing): void {
    for (const id of this.#idOf.values()) if (!queues.has(id)) this.#subscriptions.delete(id);
    this.#idOf.clear();
    for (const id of queues.keys()) this.#idOf.set(queueTopic(id), id);
  }

  /** @returns the queues that are permitted and were not before */
  note({ topics, rejections }: Subscribed): readonly string[] {
    const rejected = new Map(rejections.map((rejection) => [rejection.topic, rejection]));
    const fresh: string[] = [];
    for (const topic of topics) {
      const id = this.#idOf.get(topic);
      if (id === undefined) continue;
      const rejection = rejected.get(topic);
      if (rejection === undefined && this.of(id).subscription !== 'permitted') fresh.push(id);
      this.#set(id, rejection);
    }
    return fresh;
  }

  measure(): void {
    const { metrics } = this;
    const all = [...this.#subscriptions.values()];
    metrics.subscribedQueues.set(all.filter(({ subscription }) => subscription === 'permitted').length);
    metrics.refusedQueues.reset();
    for (const { subscription, missingPermissions } of all) {
      if (subscription !== 'rejected') continue;
      for (const permission of missingPermissions.length === 0 ? ['unknown'] : missingPermissions) {
        metrics.refusedQueues.inc({ permission });
      }
    }
  }

  #set(queueId: string, rejection: Rejection | undefined): void {
    const missingPermissions = rejection?.missingPermissions ?? [];
    const before = this.of(queueId).subscription;
    this.#subscriptions.set(queueId, { subscription: rejection ? 'rejected' : 'permitted', missingPermissions });
    if (rejection && before !== 'rejected') {
      this.logger.error(
        { queueId, missingPermissions, reason: rejection.reason },
        'Genesys refuses the conversations of a queue: the bridge asks again, at least every minute',
      );
    }
  }
}
