import type { QueueVisit } from '../../../src/conversation';

export interface IntervalQuestion {
  /** Epoch ms. */
  readonly from: number;
  readonly to: number;
  readonly minutes: number;
  readonly targetSeconds: number;
  readonly shortAbandonSeconds: number;
}

/**
 * `queue_intervals` according to its specification, without regard to speed. 64-bit numbers as texts, as ClickHouse
 * answers.
 */
export function intervalsOf(
  visits: readonly QueueVisit[],
  { from, to, minutes, targetSeconds, shortAbandonSeconds }: IntervalQuestion,
): readonly Readonly<Record<string, string | number | null>>[] {
  const groups = new Map<string, QueueVisit[]>();
  for (const visit of visits) {
    if (visit.entered_time < from || visit.entered_time >= to) continue;
    const start = Math.floor(visit.entered_time / (minutes * 60_000)) * minutes * 60_000;
    // Null comes after all media.
    const key = JSON.stringify([new Date(start).toISOString(), visit.queue_id, visit.media_type ?? '\uffff']);
    groups.set(key, [...(groups.get(key) ?? []), visit]);
  }
  return [...groups]
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([key, group]) => {
      const [interval_start = '', queue_id = '', media = ''] = JSON.parse(key) as string[];
      const own = group.filter(({ consult }) => !consult);
      const ended = (outcome: QueueVisit['outcome']) => own.filter((visit) => visit.outcome === outcome);
      const [answered, abandoned] = [ended('answered'), ended('abandoned')];
      const short = abandoned.filter((visit) => (waitOf(visit) ?? 0) < shortAbandonSeconds * 1_000);
      const inTarget = answered.filter((visit) => (waitOf(visit) ?? 0) <= targetSeconds * 1_000);
      const counted = answered.length + abandoned.length - short.length;
      const waits = own.flatMap((visit) => waitOf(visit) ?? []);
      return {
        ...{ interval_start, queue_id, queue_name: queue_id, media_type: media === '\uffff' ? null : media },
        offered: String(own.length),
        consults: String(group.length - own.length),
        answered: String(answered.length),
        abandoned: String(abandoned.length),
        short_abandoned: String(short.length),
        flowed_out: String(ended('flowed_out').length),
        waiting: String(ended('waiting').length),
        unknown: String(ended('unknown').length),
        answered_in_target: String(inTarget.length),
        service_level: counted === 0 ? null : inTarget.length / counted,
        average_wait_answered_ms: mean(answered.flatMap((visit) => waitOf(visit) ?? [])),
        average_wait_abandoned_ms: mean(abandoned.flatMap((visit) => waitOf(visit) ?? [])),
        longest_wait_ms: waits.length === 0 ? null : String(Math.max(...waits)),
        average_talk_ms: mean(own.flatMap((visit) => talkOf(visit) ?? [])),
        offers: String(sum(own.map(({ offers }) => offers))),
        offers_missed: String(sum(own.map(({ offers_missed }) => offers_missed))),
      };
    });
}

function waitOf({ outcome, entered_time, left_time }: QueueVisit): number | null {
  const until = outcome === 'waiting' ? Date.now() : left_time;
  return until === null ? null : Math.max(0, until - entered_time);
}

function talkOf({ answered_time, agent_left_time }: QueueVisit): number | null {
  return answered_time === null || agent_left_time === null ? null : Math.max(0, agent_left_time - answered_time);
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, one) => total + one, 0);
}

function mean(numbers: readonly number[]): number | null {
  return numbers.length === 0 ? null : sum(numbers) / numbers.length;
}
