import type { QueueConversation, QueueVisit } from '../conversation';
import type { DayCounts, ServiceLevelRule } from './counts';

/** The past, as ClickHouse has it. Instants are epoch ms. Every method rejects where ClickHouse is away. */
export interface History {
  /** The rows as they were at an instant. @param queueId of this queue only; null: of all */
  rowsAt(at: number, queueId: string | null): Promise<readonly QueueConversation[]>;
  /** What visits that began in `[from, at]` had come to by `at`. */
  dayAt(from: number, at: number, rule: ServiceLevelRule): Promise<readonly DayLine[]>;
  /**
   * Of conversations that were in a queue at an instant: since when the customer talked to who had answered and was still
   * there. A talk that had gone on for longer than a day is not found.
   */
  answersAt(queueId: string, at: number): Promise<ReadonlyMap<string, number>>;
  /** The versions of one conversation, the oldest first; empty: unknown. */
  versions(conversationId: string): Promise<readonly Version[]>;
  visitsOf(conversationId: string): Promise<readonly QueueVisit[]>;
  /** By interval, and with a queue: of all media together. */
  intervals(request: IntervalsRequest): Promise<readonly Interval[]>;
  /** How many waited and talked in a queue, at instants `stepMs` apart. */
  series(request: SeriesRequest): Promise<readonly SeriesPoint[]>;
  /** The oldest instant that can be shown; null: nothing is stored. */
  oldest(): Promise<number | null>;
}

/** What the visits of one queue and medium had come to. */
export interface DayLine {
  readonly queueId: string;
  readonly media: string | null;
  readonly day: DayCounts;
}

export interface Version {
  readonly change: 'created' | 'changed' | 'deleted';
  readonly from: number;
  /** Null: it still holds. */
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
  /** 0 to 1; null: nobody counts. */
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
