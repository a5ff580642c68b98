import { useSignal } from '@preact/signals';
import { useEffect } from 'preact/hooks';
import { Chart, type Curve } from './chart';
import { count, duration, isoDuration, share } from './format';
import { about, ask, now } from './live';
import { sumQueues, type Conversation, type Interval, type SeriesPoint } from './model';
import { Cell, LongestWait, urgenciesOf } from './overview';
import { above, thresholdsFor } from './preferences';
import { conversationLink } from './route';
import { clock, currentConversations, currentLines, travelTo } from './travel';

const HOUR_MS = 3_600_000;

/** One queue: who is in it now, those who wait first, and its last hours. */
export function Queue({ id }: { readonly id: string }) {
  const [row] = sumQueues(
    currentLines.value.filter(({ queueId }) => queueId === id),
    '',
  );
  const list = currentConversations.value.filter(({ queueId }) => queueId === id).toSorted(inOrder);
  const urgency = row === undefined ? null : urgenciesOf(row);
  return (
    <main class="queue">
      <p class="back">
        <a href="#/">← All queues</a>
      </p>
      <h1>{row?.label ?? id}</h1>
      <dl class="totals" aria-label="This queue">
        <div>
          <dt>Waiting</dt>
          <dd>
            <Cell urgency={urgency?.waiting ?? 'fine'}>{count(row?.live.waiting ?? 0)}</Cell>
            {row !== undefined && row.live.offered > 0 ? <small> {count(row.live.offered)} ringing</small> : null}
          </dd>
        </div>
        <div>
          <dt>Longest wait</dt>
          <dd>
            <LongestWait since={row?.live.oldestWaitingSince ?? null} urgency={urgency?.wait ?? 'fine'} />
          </dd>
        </div>
        <div>
          <dt>Talking</dt>
          <dd>{count(row?.live.talking ?? 0)}</dd>
        </div>
        <div>
          <dt>Answered today</dt>
          <dd>{count(row?.day.answered ?? 0)}</dd>
        </div>
        <div>
          <dt>Abandoned today</dt>
          <dd>{count(row?.day.abandoned ?? 0)}</dd>
        </div>
        <div>
          <dt>Service level</dt>
          <dd>
            <Cell urgency={urgency?.level ?? 'fine'}>{share(row?.serviceLevel ?? null)}</Cell>
          </dd>
        </div>
      </dl>
      <Conversations id={id} list={list} />
      <LastHours id={id} />
    </main>
  );
}

const rank = ({ waiting, talking }: Conversation): number => (waiting ? 0 : talking ? 1 : 2);
const inOrder = (a: Conversation, b: Conversation): number =>
  rank(a) - rank(b) || a.enteredAt - b.enteredAt || (a.id < b.id ? -1 : 1);

const MOST_SHOWN = 200;

function Conversations({ id, list }: { readonly id: string; readonly list: readonly Conversation[] }) {
  const limits = thresholdsFor(id);
  const hasAddresses = list.some(({ ani }) => ani !== undefined);
  return (
    <section aria-labelledby="conversations">
      <h2 id="conversations">Conversations ({count(list.length)})</h2>
      {list.length === 0 ? (
        <p class="empty">Nobody is in this queue.</p>
      ) : (
        <table class="conversations">
          <thead>
            <tr>
              <th scope="col">State</th>
              <th scope="col">Since</th>
              <th scope="col">Medium</th>
              <th scope="col">Agent</th>
              <th scope="col">Skills</th>
              {hasAddresses ? <th scope="col">From</th> : null}
              <th scope="col">Conversation</th>
            </tr>
          </thead>
          <tbody>
            {list.slice(0, MOST_SHOWN).map((row) => {
              // A wait is counted from the entry into the queue; everything else from the last change.
              const ms = clock.value - (row.waiting ? row.enteredAt : row.updatedAt);
              return (
                <tr key={row.id} data-conversation={row.id}>
                  <td>
                    <span class={`state ${stateClass(row)}`}>{stateText(row)}</span>
                  </td>
                  <td>
                    <Cell urgency={row.waiting ? above(ms / 1000, limits.waitWarning, limits.waitAlarm) : 'fine'}>
                      <time dateTime={isoDuration(ms)}>{duration(ms)}</time>
                    </Cell>
                  </td>
                  <td>{row.media ?? '–'}</td>
                  <td>{row.userName ?? row.userId ?? '–'}</td>
                  <td>{row.skills.join(', ')}</td>
                  {hasAddresses ? <td>{row.ani ?? row.subject ?? '–'}</td> : null}
                  <td class="id">
                    <a href={conversationLink(row.id)}>{row.id}</a>
                  </td>
                </tr>
              );
            })}
          </tbody>
        </table>
      )}
      {list.length > MOST_SHOWN ? <p>… and {count(list.length - MOST_SHOWN)} more.</p> : null}
    </section>
  );
}

const stateClass = ({ waiting, alerting, talking }: Conversation): string =>
  waiting ? (alerting ? 'ringing' : 'waiting') : talking ? 'talking' : 'other';

function stateText({ waiting, alerting, talking, acw, state }: Conversation): string {
  if (waiting) return alerting ? 'waiting, phone rings' : 'waiting';
  if (talking) return 'talking';
  return acw === 'pending' ? 'after-call work' : (state ?? 'unknown');
}

interface Loaded {
  readonly series: readonly SeriesPoint[];
  readonly intervals: readonly Interval[];
}

function LastHours({ id }: { readonly id: string }) {
  const loaded = useSignal<Loaded | null>(null);
  const problem = useSignal<string | null>(null);
  const at = travelTo.value;
  // Of the present anew every minute.
  const minute = at ?? Math.floor(now.value / 60_000) * 60_000;
  const hasHistory = about.value?.history === true;
  useEffect(() => {
    if (!hasHistory) return undefined;
    const stopping = new AbortController();
    const to = at ?? now.peek();
    const queue = encodeURIComponent(id);
    const quarter = 15 * 60_000;
    Promise.all([
      ask<Loaded & { points: readonly SeriesPoint[] }>(
        `api/series?queue=${queue}&from=${to - 4 * HOUR_MS}&to=${to}`,
        stopping.signal,
      ),
      ask<Loaded>(
        `api/intervals?queue=${queue}&from=${Math.floor((to - 12 * HOUR_MS) / quarter) * quarter}&to=${to}&minutes=15`,
        stopping.signal,
      ),
    ]).then(
      ([{ points }, { intervals }]) => {
        loaded.value = { series: points, intervals };
        problem.value = null;
      },
      (error: unknown) => {
        if (!stopping.signal.aborted) problem.value = error instanceof Error ? error.message : String(error);
      },
    );
    return () => stopping.abort();
  }, [id, minute, hasHistory]);
  if (!hasHistory) {
    return <p class="note">This board has no ClickHouse, so it shows the present only: no charts, no time travel.</p>;
  }
  if (problem.value !== null) return <p class="note">{problem.value}</p>;
  if (loaded.value === null) return <p class="note">Reading the last hours …</p>;
  return <Charts {...loaded.value} />;
}

function Charts({ series, intervals }: Loaded) {
  const now: readonly Curve[] = [
    { label: 'waiting', color: '--waiting', kind: 'steps', values: series.map(({ waiting }) => waiting) },
    { label: 'talking', color: '--talking', kind: 'steps', values: series.map(({ talking }) => talking) },
  ];
  const quarters: readonly Curve[] = [
    { label: 'arrivals', color: '--bars', kind: 'bars', values: intervals.map(({ offered }) => offered) },
    {
      label: 'service level',
      color: '--level',
      percent: true,
      values: intervals.map(({ serviceLevel }) => serviceLevel),
    },
  ];
  return (
    <section class="charts" aria-label="The last hours">
      <Chart title="Waiting and talking, the last 4 hours" times={series.map(({ at }) => at)} curves={now} />
      <Chart
        title="Arrivals and service level, by quarter of an hour"
        times={intervals.map(({ at }) => at)}
        curves={quarters}
      />
    </section>
  );
}
