/** The answers of the server, as the page uses them; api-schema.ts beside the server is what they are held to. */

export interface Live {
  readonly conversations: number;
  readonly waiting: number;
  readonly offered: number;
  readonly oldestWaitingSince: number | null;
  readonly talking: number;
  readonly afterCallWork: number;
}
export interface Day {
  readonly offered: number;
  readonly answered: number;
  readonly answeredInTarget: number;
  readonly abandoned: number;
  readonly shortAbandoned: number;
}
export interface Line {
  readonly queueId: string;
  readonly name: string | null;
  readonly media: string | null;
  readonly live: Live;
  readonly day: Day;
}
export interface Conversation {
  readonly id: string;
  readonly queueId: string;
  readonly media: string | null;
  readonly waiting: boolean;
  readonly alerting: boolean;
  readonly talking: boolean;
  readonly state: string | null;
  readonly purpose: string | null;
  readonly userId: string | null;
  readonly userName: string | null;
  readonly skills: readonly string[];
  readonly acw: string | null;
  readonly enteredAt: number;
  readonly updatedAt: number;
  readonly ani?: string | null;
  readonly dnis?: string | null;
  readonly subject?: string | null;
}
export interface Visit {
  readonly participantId: string;
  readonly queueId: string;
  readonly queueName: string | null;
  readonly media: string | null;
  readonly consult: boolean;
  readonly outcome: string;
  readonly enteredAt: number;
  readonly leftAt: number | null;
  readonly answeredAt: number | null;
  readonly userId: string | null;
  readonly userName: string | null;
  readonly agentLeftAt: number | null;
  readonly offers: number;
  readonly offersMissed: number;
}
export interface Version {
  readonly change: string;
  readonly from: number;
  readonly until: number | null;
  readonly queueId: string | null;
  readonly queueName: string | null;
  readonly purpose: string | null;
  readonly state: string | null;
  readonly userId: string | null;
  readonly userName: string | null;
  readonly participantId: string | null;
  readonly waiting: boolean;
  readonly acw: string | null;
}
export interface About {
  readonly version: string;
  readonly history: boolean;
  readonly oldest: number | null;
  readonly rule: { readonly targetMs: number; readonly shortAbandonMs: number };
  readonly timeZone: string;
}
export interface Interval {
  readonly at: number;
  readonly offered: number;
  readonly answered: number;
  readonly abandoned: number;
  readonly flowedOut: number;
  readonly serviceLevel: number | null;
}
export interface SeriesPoint {
  readonly at: number;
  readonly waiting: number;
  readonly talking: number;
}

/** One row of the overview: a queue, its chosen media together. */
export interface QueueRow {
  readonly queueId: string;
  readonly label: string;
  readonly live: Live;
  readonly day: Day;
  readonly serviceLevel: number | null;
}

export function sumQueues(lines: Iterable<Line>, media: string): QueueRow[] {
  const rows = new Map<string, { label: string; live: Live; day: Day }>();
  for (const line of lines) {
    if (media !== '' && line.media !== media) continue;
    const known = rows.get(line.queueId);
    const label = line.name ?? line.queueId;
    if (known === undefined) rows.set(line.queueId, { label, live: line.live, day: line.day });
    else rows.set(line.queueId, { label, live: addLive(known.live, line.live), day: addDay(known.day, line.day) });
  }
  return [...rows].map(([queueId, { label, live, day }]) => ({ queueId, label, live, day, serviceLevel: level(day) }));
}

export function total(rows: readonly QueueRow[]): Pick<QueueRow, 'live' | 'day' | 'serviceLevel'> {
  let [live, day]: [Live, Day] = [NO_LIVE, NO_DAY];
  for (const row of rows) [live, day] = [addLive(live, row.live), addDay(day, row.day)];
  return { live, day, serviceLevel: level(day) };
}

/** Answered in the target ÷ (answered + abandoned − abandoned very early). */
function level({ answered, answeredInTarget, abandoned, shortAbandoned }: Day): number | null {
  const all = answered + abandoned - shortAbandoned;
  return all === 0 ? null : answeredInTarget / all;
}

const NO_LIVE: Live = {
  conversations: 0,
  waiting: 0,
  offered: 0,
  oldestWaitingSince: null,
  talking: 0,
  afterCallWork: 0,
};
const NO_DAY: Day = { offered: 0, answered: 0, answeredInTarget: 0, abandoned: 0, shortAbandoned: 0 };

function addLive(a: Live, b: Live): Live {
  const oldest = Math.min(a.oldestWaitingSince ?? Infinity, b.oldestWaitingSince ?? Infinity);
  return {
    conversations: a.conversations + b.conversations,
    waiting: a.waiting + b.waiting,
    offered: a.offered + b.offered,
    oldestWaitingSince: oldest === Infinity ? null : oldest,
    talking: a.talking + b.talking,
    afterCallWork: a.afterCallWork + b.afterCallWork,
  };
}

function addDay(a: Day, b: Day): Day {
  return {
    offered: a.offered + b.offered,
    answered: a.answered + b.answered,
    answeredInTarget: a.answeredInTarget + b.answeredInTarget,
    abandoned: a.abandoned + b.abandoned,
    shortAbandoned: a.shortAbandoned + b.shortAbandoned,
  };
}
