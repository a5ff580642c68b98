import { useSignal } from '@preact/signals';
import { useEffect, useMemo } from 'preact/hooks';
import { Chart, type Curve } from './chart';
import { count, shortTime } from './format';
import { about, ask, messageOf, minute } from './live';
import {
  inOrder,
  phaseOf,
  PHASES,
  sumQueue,
  total,
  type Conversation,
  type Interval,
  type QueueRow,
  type SeriesPoint,
  type Totals,
} from './model';
import { figuresOf, urgenciesOf } from './overview';
import { Figures, Table, Text, Time, Title, type Column } from './parts';
import { above, thresholdsFor, type Thresholds } from './preferences';
import { KeptOrder } from './queues';
import { conversationLink } from './route';
import { clock, currentConversations, currentLines, travelTo } from './travel';

const HOUR_MS = 3_600_000;
const QUARTER_MS = 15 * 60_000;

/** One queue: the conversations in it now, waiting customers first, and its last hours. */
export function Queue({ id }: { readonly id: string }) {
  const lines = currentLines.value?.filter(({ queueId }) => queueId === id) ?? null;
  const row = lines === null || lines.length === 0 ? null : sumQueue(lines);
  return (
    <main class="queue" data-scrolls>
      <Title>{row?.label ?? id}</Title>
      <Sum of={lines === null ? null : (row ?? total([]))} row={row} />
      <div class="columns">
        <Conversations id={id} />
        <LastHours id={id} />
      </div>
    </main>
  );
}

function Sum({ of, row }: { readonly of: Totals | null; readonly row: QueueRow | null }) {
  return <Figures label="This queue" figures={figuresOf(of, row === null ? undefined : urgenciesOf(row))} />;
}

function Conversations({ id }: { readonly id: string }) {
  const order = useMemo(() => new KeptOrder<Conversation>(), [id]);
  const all = currentConversations.value;
  const list = order.sort(all?.filter(({ queueId }) => queueId === id) ?? [], inOrder);
  return (
    <section aria-labelledby="conversations">
      <h2 id="conversations">Conversations{all === null ? '' : ` (${count(list.length)})`}</h2>
      {list.length > 0 ? (
        <Table
          name="conversation"
          columns={columnsFor(id, list)}
          rows={list}
          keyOf={(row) => row.id}
          classOf={(row) => (row.waiting ? 'waits' : '')}
        />
      ) : (
        <p class="empty">
          {all === null
            ? 'Reading the table …'
            : travelTo.value === null
              ? 'Nobody is in this queue.'
              : 'Nobody was in this queue.'}
        </p>
      )}
    </section>
  );
}

function columnsFor(queueId: string, list: readonly Conversation[]): readonly Column<Conversation>[] {
  const limits = thresholdsFor(queueId);
  const hasSkills = list.some(({ skills }) => skills.length > 0);
  const hasAddresses = list.some(({ ani, subject }) => (ani ?? subject ?? null) !== null);
  return [
    {
      head: 'State',
      cell: (row) => {
        const phase = phaseOf(row);
        const text = phase === 'other' ? (row.state ?? PHASES.other) : PHASES[phase];
        return (
          <a class={`state ${phase}`} href={conversationLink(row.id)} title={`Conversation ${row.id}`}>
            {text}
          </a>
        );
      },
    },
    {
      ...{ head: 'Wait', align: 'end' },
      cell: (row) => <Wait row={row} limits={limits} />,
    },
    { head: 'Talk', align: 'end', cell: (row) => <Talk row={row} /> },
    { head: 'Agent', cell: agentOf },
    { head: 'Medium', isMinor: true, cell: (row) => row.media ?? '–' },
    ...(hasSkills
      ? [{ head: 'Skills', isMinor: true, cell: (row: Conversation) => <Text>{row.skills.join(', ')}</Text> } as const]
      : []),
    ...(hasAddresses
      ? [{ head: 'From', cell: (row: Conversation) => <Text>{row.ani ?? row.subject ?? '–'}</Text> }]
      : []),
  ];
}

/** Until now, or until an agent answered. Null: nobody knows when an agent answered. */
function waitOf({ waiting, enteredAt, answeredAt }: Conversation): number | null {
  if (waiting) return clock.value - enteredAt;
  return answeredAt === null ? null : answeredAt - enteredAt;
}
const talkOf = ({ talking, answeredAt }: Conversation): number | null =>
  talking && answeredAt !== null ? clock.value - answeredAt : null;

// Content that ticks is a component of its own, so the rows around it do not change.
function Wait({ row, limits }: { readonly row: Conversation; readonly limits: Thresholds }) {
  const ms = waitOf(row);
  const isUrgent = row.waiting && ms !== null;
  return <Time ms={ms} urgency={isUrgent ? above(ms / 1000, limits.waitWarning, limits.waitAlarm) : 'fine'} />;
}
function Talk({ row }: { readonly row: Conversation }) {
  return <Time ms={talkOf(row)} />;
}

/** An agent who has not answered is not with the customer. */
function agentOf(row: Conversation) {
  const name = row.userName ?? row.userId;
  if (name === null) return <span class="zero">–</span>;
  return <Text isDim={phaseOf(row) === 'waiting'}>{phaseOf(row) === 'waiting' ? `${name} did not answer` : name}</Text>;
}

interface Loaded {
  readonly series: readonly SeriesPoint[];
  readonly intervals: readonly Interval[];
  readonly to: number;
}

async function readHours(id: string, to: number, signal: AbortSignal): Promise<Loaded> {
  const queue = encodeURIComponent(id);
  const from = Math.floor((to - 12 * HOUR_MS) / QUARTER_MS) * QUARTER_MS;
  const [{ points }, { intervals }] = await Promise.all([
    ask<{ readonly points: readonly SeriesPoint[] }>(
      `api/series?queue=${queue}&from=${to - 4 * HOUR_MS}&to=${to}`,
      signal,
    ),
    ask<{ readonly intervals: readonly Interval[] }>(
      `api/intervals?queue=${queue}&from=${from}&to=${to}&minutes=15`,
      signal,
    ),
  ]);
  return { series: points, intervals, to };
}

/** Read again every minute, both in the present and in the past. */
function LastHours({ id }: { readonly id: string }) {
  const loaded = useSignal<Loaded | null>(null);
  const problem = useSignal<string | null>(null);
  const at = travelTo.value;
  const to = at === null ? minute.value : Math.floor(at / 60_000) * 60_000;
  const hasHistory = about.value?.history;
  useEffect(() => {
    if (hasHistory !== true) return undefined;
    const stopping = new AbortController();
    readHours(id, to, stopping.signal).then(
      (answer) => {
        loaded.value = answer;
        problem.value = null;
      },
      (error: unknown) => {
        if (!stopping.signal.aborted) problem.value = messageOf(error);
      },
    );
    return () => stopping.abort();
  }, [id, to, hasHistory]);
  return (
    <section class="charts" aria-labelledby="hours">
      <h2 id="hours">The last hours</h2>
      {hasHistory === false ? (
        <p class="note">This board has no ClickHouse, so it shows the present only: no charts, no time travel.</p>
      ) : problem.value !== null ? (
        <p class="note">{problem.value}</p>
      ) : loaded.value === null ? (
        <p class="note">Reading …</p>
      ) : (
        <Charts loaded={loaded.value} />
      )}
    </section>
  );
}

function Charts({ loaded }: { readonly loaded: Loaded }) {
  const { series, intervals, to } = loaded;
  const [now, quarters] = useMemo((): readonly [readonly Curve[], readonly Curve[]] => {
    const waiting = series.map((point) => point.waiting);
    const talking = series.map((point) => point.talking);
    const levels = intervals.map(({ serviceLevel }) => serviceLevel);
    return [
      [
        { label: 'waiting', color: '--waiting', kind: 'steps', values: waiting },
        { label: 'talking', color: '--talking', kind: 'steps', values: talking },
      ],
      [
        { label: 'arrivals', color: '--bars', kind: 'bars', values: intervals.map(({ offered }) => offered) },
        { label: 'service level', color: '--level', kind: 'share', values: levels },
      ],
    ];
  }, [loaded]);
  const times = useMemo(() => [series.map(({ at }) => at), intervals.map(({ at }) => at)] as const, [loaded]);
  return (
    <>
      <Chart title={`Waiting and talking, 4 hours until ${shortTime(to)}`} times={times[0]} curves={now} />
      <Chart title={`By quarter of an hour, 12 hours until ${shortTime(to)}`} times={times[1]} curves={quarters} />
    </>
  );
}
