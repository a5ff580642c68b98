import { duration, timeOfDay } from './format';
import { phaseOf, type ConversationHistory, type Version, type Visit } from './model';

/** The history of a conversation as lanes: the customer, the queues, the agents. */

type Kind = 'wait' | 'ring' | 'talk' | 'acw' | 'other';
interface Bar {
  readonly from: number;
  readonly to: number;
  readonly kind: Kind;
}
interface Lane {
  readonly label: string;
  readonly note: string;
  readonly bars: readonly Bar[];
}

const LEGEND: Readonly<Record<Kind, string>> = {
  wait: 'waits',
  ring: 'phone rings',
  talk: 'talks',
  acw: 'after-call work',
  other: 'otherwise connected',
};
const KIND_OF = { waiting: 'wait', ringing: 'ring', talking: 'talk', acw: 'acw', other: 'other' } as const;

export function Lanes({ history, until }: { readonly history: ConversationHistory; readonly until: number }) {
  const lanes = lanesOf(history, until);
  const bars = lanes.flatMap((lane) => lane.bars);
  if (bars.length === 0) return null;
  const from = Math.min(...bars.map((bar) => bar.from));
  const to = Math.max(from + 1_000, ...bars.map((bar) => bar.to));
  const percent = (ms: number): string => `${(100 * ms) / (to - from)}%`;
  const ticks = ticksOf(from, to);
  const kinds = (Object.keys(LEGEND) as Kind[]).filter((kind) => bars.some((bar) => bar.kind === kind));
  return (
    <div class="lanes">
      <div role="img" aria-label="The conversation on a time axis; the list below says the same">
        {lanes.map(({ label, note, bars: of }, index) => (
          <div class="lane" key={`${index} ${label}`}>
            <p class="name" title={label}>
              <span>{label}</span> <small>{note}</small>
            </p>
            <div class="track">
              {ticks.map((at) => (
                <i key={at} class="tick" style={{ left: percent(at - from) }} />
              ))}
              {of.map((bar) => (
                <div
                  key={`${bar.from} ${bar.kind}`}
                  class={`bar ${bar.kind}`}
                  style={{ left: percent(bar.from - from), width: percent(bar.to - bar.from) }}
                  title={`${label}: ${LEGEND[bar.kind]} for ${duration(bar.to - bar.from)}`}
                >
                  {(bar.to - bar.from) / (to - from) > 0.08 ? duration(bar.to - bar.from) : ''}
                </div>
              ))}
            </div>
          </div>
        ))}
        <div class="lane axis">
          <p class="name" />
          <div class="track">
            {ticks.map((at) => (
              <span key={at} class={sideOf((at - from) / (to - from))} style={{ left: percent(at - from) }}>
                {timeOfDay(at)}
              </span>
            ))}
          </div>
        </div>
      </div>
      <ul class="legend" aria-hidden="true">
        {kinds.map((kind) => (
          <li key={kind} class={kind}>
            {LEGEND[kind]}
          </li>
        ))}
      </ul>
    </div>
  );
}

/** A label near an end would extend beyond it. */
const sideOf = (share: number): string => (share < 0.08 ? 'first' : share > 0.92 ? 'last' : '');

const SECOND = 1_000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;
const STEPS = [
  ...[SECOND, 2 * SECOND, 5 * SECOND, 10 * SECOND, 15 * SECOND, 30 * SECOND],
  ...[MINUTE, 2 * MINUTE, 5 * MINUTE, 10 * MINUTE, 15 * MINUTE, 30 * MINUTE],
  ...[HOUR, 2 * HOUR, 6 * HOUR, 12 * HOUR, 24 * HOUR],
];
const MOST_TICKS = 5;

/** Round times, few enough for a phone. */
function ticksOf(from: number, to: number): readonly number[] {
  const step = STEPS.find((each) => (to - from) / each <= MOST_TICKS) ?? Math.ceil((to - from) / MOST_TICKS);
  const first = Math.ceil(from / step) * step;
  return Array.from({ length: Math.floor((to - first) / step) + 1 }, (_, index) => first + index * step);
}

function lanesOf({ versions, visits }: ConversationHistory, until: number): readonly Lane[] {
  const shown = versions.filter(({ change, from, until: end }) => change !== 'deleted' && (end ?? until) > from);
  const queues = visits.map((visit): Lane => {
    const to = visit.leftAt ?? until;
    return {
      label: `${visit.queueName ?? visit.queueId}${visit.consult ? ' (consult)' : ''}`,
      note: outcomeText(visit, to),
      bars: [{ from: visit.enteredAt, to, kind: 'wait' }],
    };
  });
  return [customerLane(shown, until), ...queues, ...agentLanes(shown, visits, until)];
}

function customerLane(versions: readonly Version[], until: number): Lane {
  const bars: Bar[] = [];
  for (const version of versions) {
    const phase = phaseOf(version);
    // An agent still works on the conversation, but the customer has left.
    if (phase === 'acw') continue;
    const kind = version.waiting ? 'wait' : phase === 'talking' ? 'talk' : 'other';
    const to = version.until ?? until;
    const last = bars.at(-1);
    if (last?.kind === kind && last.to === version.from) bars[bars.length - 1] = { ...last, to };
    else bars.push({ from: version.from, to, kind });
  }
  const [first, last] = [bars.at(0), bars.at(-1)];
  const isOver = versions.every((version) => version.until !== null);
  const note = first === undefined || last === undefined ? '' : `${duration(last.to - first.from)} in all`;
  return { label: 'Customer', note: isOver ? `${note}, ended` : note, bars };
}

function outcomeText({ outcome, enteredAt }: Visit, to: number): string {
  const after = duration(to - enteredAt);
  switch (outcome) {
    case 'waiting':
      return `waits for ${after}`;
    case 'flowed_out':
      return `left it after ${after}`;
    case 'unknown':
      return `its end is unknown`;
    case 'answered':
    case 'abandoned':
      return `${outcome} after ${after}`;
  }
}

/** Visits show when the answering agent talked, also while other agents were being asked. Versions show the rest. */
function agentLanes(versions: readonly Version[], visits: readonly Visit[], until: number): readonly Lane[] {
  const agents = new Map<string, { label: string; bars: Bar[] }>();
  const lane = (userId: string | null, userName: string | null) => {
    const label = userName ?? userId ?? 'an agent';
    const known = agents.get(userId ?? label) ?? { label, bars: [] };
    agents.set(userId ?? label, known);
    return known.bars;
  };
  // In the order of their arrival.
  for (const { userId, userName, purpose } of versions) if (isAgent(purpose)) lane(userId, userName);
  for (const { answeredAt, agentLeftAt, userId, userName } of visits) {
    if (answeredAt !== null) lane(userId, userName).push({ from: answeredAt, to: agentLeftAt ?? until, kind: 'talk' });
  }
  for (const version of versions) {
    const kind = KIND_OF[phaseOf(version)];
    if (!isAgent(version.purpose) || kind === 'wait' || kind === 'other') continue;
    const bars = lane(version.userId, version.userName);
    const bar: Bar = { from: version.from, to: version.until ?? until, kind };
    const isKnown = bars.some((other) => other.kind === 'talk' && other.from < bar.to && bar.from < other.to);
    if (kind !== 'talk' || !isKnown) bars.push(bar);
  }
  return [...agents.values()]
    .filter(({ bars }) => bars.length > 0)
    .map(({ label, bars }) => ({ label, bars, note: noteOf(bars, until) }));
}

const isAgent = (purpose: string | null): boolean => purpose === 'agent' || purpose === 'user';

function noteOf(bars: readonly Bar[], until: number): string {
  const talked = bars.filter(({ kind }) => kind === 'talk').reduce((sum, { from, to }) => sum + to - from, 0);
  const rings = bars.some(({ kind, to }) => kind === 'ring' && to === until);
  if (talked === 0 && rings) return 'is being called';
  return talked === 0 ? 'did not talk' : `talked for ${duration(talked)}`;
}
