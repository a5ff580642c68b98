import type { QueueConversation } from './row';

/** The counts of a queue now, from its rows. The view `queue_live` counts the same in SQL. */
export interface LiveCounts {
  readonly conversations: number;
  /** The customer waits, whether or not an agent is being alerted. */
  readonly waiting: number;
  /** The customers in `waiting` for whom an agent is being alerted. */
  readonly offered: number;
  /** When the customer with the longest wait began to wait, epoch ms. Null: nobody waits. */
  readonly oldestWaitingSince: number | null;
  /** Rows in which an agent is being alerted, also if the customer does not wait: the agent consults a colleague. */
  readonly alerting: number;
  readonly talking: number;
  readonly afterCallWork: number;
}

export const NO_LIVE: LiveCounts = {
  conversations: 0,
  waiting: 0,
  offered: 0,
  oldestWaitingSince: null,
  alerting: 0,
  talking: 0,
  afterCallWork: 0,
};

type CountedRow = Pick<QueueConversation, 'purpose' | 'state' | 'waiting' | 'queue_connected_time' | 'acw_state'>;

const ALERTING_STATES: ReadonlySet<string | null> = new Set(['alerting', 'contacting', 'dialing', 'offering']);

/** Whether the row shows an agent whose phone rings. */
export const isAlerting = ({ purpose, state }: Pick<QueueConversation, 'purpose' | 'state'>): boolean =>
  purpose === 'agent' && ALERTING_STATES.has(state);
/** Whether the row shows somebody who talks to the customer. */
export const isTalking = ({ purpose, state }: Pick<QueueConversation, 'purpose' | 'state'>): boolean =>
  (purpose === 'agent' || purpose === 'user') && state === 'connected';

/** Counts rows one after the other. */
export class LiveCounter {
  #conversations = 0;
  #waiting = 0;
  #offered = 0;
  #oldest = Infinity;
  #alerting = 0;
  #talking = 0;
  #afterCallWork = 0;

  add(row: CountedRow): void {
    const alerting = isAlerting(row);
    this.#conversations += 1;
    if (alerting) this.#alerting += 1;
    if (row.waiting) {
      this.#waiting += 1;
      this.#oldest = Math.min(this.#oldest, row.queue_connected_time);
      if (alerting) this.#offered += 1;
    }
    if (isTalking(row)) this.#talking += 1;
    if (row.acw_state === 'pending') this.#afterCallWork += 1;
  }

  counts(): LiveCounts {
    return {
      conversations: this.#conversations,
      waiting: this.#waiting,
      offered: this.#offered,
      oldestWaitingSince: this.#oldest === Infinity ? null : this.#oldest,
      alerting: this.#alerting,
      talking: this.#talking,
      afterCallWork: this.#afterCallWork,
    };
  }
}

export function countRows(rows: Iterable<CountedRow>): LiveCounts {
  const counter = new LiveCounter();
  for (const row of rows) counter.add(row);
  return counter.counts();
}
