import { useSignal } from '@preact/signals';
import { useEffect } from 'preact/hooks';
import { duration, instant, timeOfDay } from './format';
import { about, ask, now } from './live';
import type { Version, Visit } from './model';
import { queueLink } from './route';
import { goTo } from './travel';

interface Life {
  readonly id: string;
  readonly versions: readonly Version[];
  readonly visits: readonly Visit[];
}

/** The life of one conversation: lanes on a time axis, and the same as a list. */
export function Conversation({ id }: { readonly id: string }) {
  const life = useSignal<Life | null>(null);
  const problem = useSignal<string | null>(null);
  const hasHistory = about.value?.history === true;
  const everyFewSeconds = Math.floor(now.value / 5_000);
  useEffect(() => {
    if (!hasHistory) return undefined;
    const stopping = new AbortController();
    ask<Life>(`api/conversations/${encodeURIComponent(id)}`, stopping.signal).then(
      (answer) => {
        life.value = answer;
        problem.value = null;
      },
      (error: unknown) => {
        if (!stopping.signal.aborted) problem.value = error instanceof Error ? error.message : String(error);
      },
    );
    return () => stopping.abort();
  }, [id, hasHistory, everyFewSeconds]);
  const current = life.value;
  return (
    <main class="conversation">
      <p class="back">
        <a href="#/">← All queues</a>
      </p>
      <h1>Conversation</h1>
      <p class="id">{id}</p>
      {hasHistory ? null : <p class="note">This board has no ClickHouse, so it knows no past of a conversation.</p>}
      {problem.value === null ? null : <p class="note">{problem.value}</p>}
      {current === null ? null : <Lanes life={current} />}
      {current === null ? null : <Steps life={current} />}
    </main>
  );
}

interface Bar {
  readonly from: number;
  readonly to: number;
  readonly kind: 'wait' | 'ring' | 'talk' | 'live' | 'acw';
  readonly text: string;
}
interface Lane {
  readonly label: string;
  readonly bars: readonly Bar[];
}

const nameOf = ({ userName, userId }: Pick<Version, 'userName' | 'userId'>): string => userName ?? userId ?? 'an agent';

function lanesOf({ versions, visits }: Life, until: number): readonly Lane[] {
  const shown = versions.filter(({ change, from, until: end }) => change !== 'deleted' && (end ?? until) > from);
  const first = Math.min(...shown.map(({ from }) => from), ...visits.map(({ enteredAt }) => enteredAt));
  const end = Math.max(
    ...shown.map((each) => each.until ?? until),
    ...visits.map(({ agentLeftAt, leftAt }) => agentLeftAt ?? leftAt ?? first),
  );
  const caller: Lane = {
    label: 'Customer',
    bars: [{ from: first, to: end, kind: 'live', text: `here for ${duration(end - first)}` }],
  };
  const queues = visits.map(({ queueName, queueId, consult, enteredAt, leftAt, outcome }): Lane => {
    const to = leftAt ?? until;
    const text = `${outcome === 'flowed_out' ? 'flowed out' : outcome} after ${duration(to - enteredAt)}`;
    return {
      label: `${queueName ?? queueId}${consult ? ' (consult)' : ''}`,
      bars: [{ from: enteredAt, to, kind: 'wait', text }],
    };
  });
  const agents = new Map<string, Bar[]>();
  for (const version of shown) {
    if (version.purpose !== 'agent' && version.purpose !== 'user') continue;
    const kind = version.state === 'connected' ? 'talk' : version.acw === 'pending' ? 'acw' : 'ring';
    const name = nameOf(version);
    const to = version.until ?? until;
    const bars = agents.get(name) ?? [];
    const text = `${version.state ?? 'unknown'} for ${duration(to - version.from)}`;
    bars.push({ from: version.from, to, kind, text });
    agents.set(name, bars);
  }
  return [caller, ...queues, ...[...agents].map(([label, bars]) => ({ label, bars }))];
}

const LANE_HEIGHT = 34;
const LABEL_WIDTH = 190;
const WIDTH = 960;

function Lanes({ life }: { readonly life: Life }) {
  const lanes = lanesOf(life, now.value);
  const bars = lanes.flatMap((lane) => lane.bars);
  const from = Math.min(...bars.map((bar) => bar.from));
  const to = Math.max(from + 1_000, ...bars.map((bar) => bar.to));
  const x = (at: number) => LABEL_WIDTH + ((at - from) / (to - from)) * (WIDTH - LABEL_WIDTH - 12);
  const height = lanes.length * LANE_HEIGHT + 30;
  const ticks = Array.from({ length: 6 }, (_, index) => from + ((to - from) * index) / 5);
  return (
    <div class="lanes">
      <svg
        viewBox={`0 0 ${WIDTH} ${height}`}
        role="img"
        aria-label="The conversation on a time axis; the same is in the list below"
      >
        {ticks.map((at) => (
          <g key={at}>
            <line x1={x(at)} x2={x(at)} y1={0} y2={height - 24} class="tick" />
            <text
              x={x(at)}
              y={height - 8}
              class="tick"
              text-anchor={at === from ? 'start' : at === to ? 'end' : 'middle'}
            >
              {timeOfDay(at)}
            </text>
          </g>
        ))}
        {lanes.map(({ label, bars: of }, index) => (
          <g key={`${label} ${index}`} transform={`translate(0 ${index * LANE_HEIGHT})`}>
            <text x={0} y={22} class="lane">
              {label.length > 24 ? `${label.slice(0, 23)}…` : label}
            </text>
            {of.map((bar) => (
              <rect
                key={`${bar.from} ${bar.kind}`}
                x={x(bar.from)}
                y={6}
                width={Math.max(2, x(bar.to) - x(bar.from))}
                height={22}
                rx={3}
                class={`bar ${bar.kind}`}
              >
                <title>{`${label}: ${bar.text}`}</title>
              </rect>
            ))}
          </g>
        ))}
      </svg>
      <ul class="legend" aria-hidden="true">
        <li class="wait">waits</li>
        <li class="ring">phone rings</li>
        <li class="talk">talks</li>
        <li class="acw">after-call work</li>
      </ul>
    </div>
  );
}

function Steps({ life }: { readonly life: Life }) {
  return (
    <section aria-labelledby="steps">
      <h2 id="steps">Step by step</h2>
      <table class="conversations">
        <thead>
          <tr>
            <th scope="col">From</th>
            <th scope="col">For</th>
            <th scope="col">Queue</th>
            <th scope="col">Who</th>
            <th scope="col">State</th>
          </tr>
        </thead>
        <tbody>
          {life.versions.map((version, index) => (
            <tr key={index}>
              <td>
                <button
                  type="button"
                  class="link"
                  title="Show the whole board at this instant"
                  onClick={() => show(version.from)}
                >
                  {instant(version.from)}
                </button>
              </td>
              <td>{version.change === 'deleted' ? '' : duration((version.until ?? now.value) - version.from)}</td>
              <td>
                {version.queueId === null ? (
                  ''
                ) : (
                  <a href={queueLink(version.queueId)}>{version.queueName ?? version.queueId}</a>
                )}
              </td>
              <td>{version.change === 'deleted' ? '' : version.purpose === 'acd' ? 'queue' : nameOf(version)}</td>
              <td>
                {version.change === 'deleted'
                  ? 'ended'
                  : `${version.state ?? ''}${version.waiting ? ', customer waits' : ''}`}
              </td>
            </tr>
          ))}
        </tbody>
      </table>
    </section>
  );
}

function show(at: number): void {
  goTo(at);
  location.hash = '#/';
}
