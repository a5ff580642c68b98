import { isAlerting, isTalking, type QueueVisit } from '../conversation';
import type * as Api from './api-schema';
import type { Version } from './history';
import type { AnsweredRow, QueueLine } from './picture';

/** Genesys's names of ids. */
export interface BoardNames {
  of(kind: 'queue' | 'user' | 'skill', id: string): string | null;
}

export interface PresentOptions {
  readonly names: BoardNames;
  /** Addresses and subjects are personal, so they leave this process only on request. */
  readonly show: 'addresses' | undefined;
}

/** A conversation in the form that the page gets. */
export type ShownConversation = Api.Conversation;

export function createPresenter({ names, show }: PresentOptions) {
  const nameOf = (kind: 'user', id: string | null) => (id === null ? null : names.of(kind, id));
  return {
    line: ({ queueId, media, live, day }: QueueLine): Api.Line => ({
      queueId,
      name: names.of('queue', queueId),
      media,
      live,
      day,
    }),

    conversation: (row: AnsweredRow): ShownConversation => ({
      id: row.conversation_id,
      queueId: row.queue_id,
      media: row.media_type,
      waiting: row.waiting,
      alerting: isAlerting(row),
      talking: isTalking(row),
      state: row.state,
      purpose: row.purpose,
      direction: row.direction,
      userId: row.user_id,
      userName: nameOf('user', row.user_id),
      skills: (row.routing_skill_id ?? '')
        .split(',')
        .filter((id) => id !== '')
        .map((id) => names.of('skill', id) ?? id),
      acw: row.acw_state,
      enteredAt: row.queue_connected_time,
      answeredAt: row.answered_time,
      updatedAt: row.db_last_updated,
      ...(show === 'addresses' ? { ani: row.ani, dnis: row.dnis, subject: row.subject } : {}),
    }),

    version: (version: Version): Api.Version => ({
      ...version,
      queueName: version.queueId === null ? null : names.of('queue', version.queueId),
      userName: nameOf('user', version.userId),
      alerting: isAlerting(version),
      talking: isTalking(version),
    }),

    visit: (visit: QueueVisit): Api.Visit => ({
      participantId: visit.participant_id,
      queueId: visit.queue_id,
      queueName: names.of('queue', visit.queue_id),
      media: visit.media_type,
      consult: visit.consult,
      outcome: visit.outcome,
      enteredAt: visit.entered_time,
      leftAt: visit.left_time,
      answeredAt: visit.answered_time,
      userId: visit.user_id,
      userName: nameOf('user', visit.user_id),
      agentLeftAt: visit.agent_left_time,
      offers: visit.offers,
      offersMissed: visit.offers_missed,
    }),
  };
}

export type Presenter = ReturnType<typeof createPresenter>;
