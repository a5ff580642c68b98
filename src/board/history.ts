import type { QueueConversation, QueueVisit } from '../conversation';
import type { DayCounts, ServiceLevelRule } from './counts';

/** The past, from ClickHouse. Instants are epoch ms. Every method rejects if ClickHouse is away. */
export interface History {
  /** The same, for one viewer's question: if the signal aborts, statements of the question end, and others do not begin. */
  askedUntil(signal: AbortSignal): History;
  /** The rows as they were at an instant. @param queueId only this queue; null: all */
  rowsAt(at: number, queueId: string | null): Promise<readonly QueueConversation[]>;
  /** The state, at `at`, of visits that began in `[from, at]`. */
  dayAt(from: number, at: number, rule: ServiceLevelRule): Promise<readonly DayLine[]>;
  /**
   * For conversations in a queue at an instant: when the agent who still talked to the customer answered. A talk of
   * more than a day is not found.
   */
  answersAt(queueId: string, at: number): Promise<ReadonlyMap<string, number>>;
  /** The versions of one conversation, oldest first; empty: unknown. */
  versions(conversationId: string): Promise<readonly Version[]>;
  visitsOf(conversationId: string): Promise<readonly QueueVisit[]>;
  /** By interval and, if wanted, by queue: all media together. */
  intervals(request: IntervalsRequest): Promise<readonly Interval[]>;
  /** How many waited and how many talked in a queue, at instants `stepMs` apart. */
  series(request: SeriesRequest): Promise<readonly SeriesPoint[]>;
  /** The oldest instant that the board can show; null: nothing is stored. */
  oldest(): Promise<number | null>;
}

/** The counts of the visits of one queue and medium. */
export interface DayLine {
  readonly queueId: string;
  readonly media: string | null;
  readonly day: DayCounts;
}

export interface Version {
  readonly change: 'created' | 'changed' | 'deleted';
  readonly from: number;
  /** Null: it is still the newest version. */
  readonly until: number | null;
  readonly queueId: string | null;
  readonly purpose: string | null;
  readonly state: string | null;
  readonly userId: string | null;
  readonly participantId: string | null;
  readonly waiting: boolean;
  readonly acw: string | null;
}

export interface IntervalsRequest {
  readonly queueId: string | null;
  readonly from: number;
  readonly to: number;
  readonly minutes: number;
  readonly targetMs: number;
  readonly shortAbandonMs: number;
}

export interface Interval {
  readonly at: number;
  readonly offered: number;
  readonly answered: number;
  readonly abandoned: number;
  readonly flowedOut: number;
  /** 0 to 1; null: no visit counts. */
  readonly serviceLevel: number | null;
}

export interface SeriesRequest {
  readonly queueId: string;
  readonly from: number;
  readonly to: number;
  readonly stepMs: number;
}

export interface SeriesPoint {
  readonly at: number;
  readonly waiting: number;
  readonly talking: number;
}
