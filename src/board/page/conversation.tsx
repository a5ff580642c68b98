import { useSignal } from '@preact/signals';
import { useEffect } from 'preact/hooks';
import { instantNear } from './format';
import { Lanes } from './lanes';
import { about, ask, messageOf, now } from './live';
import { phaseOf, PHASES, type ConversationHistory, type Version } from './model';
import { Table, Text, Time, Title, type Column } from './parts';
import { queueLink } from './route';
import { goTo } from './travel';

const AGAIN_MS = 5_000;

/** The history of one conversation: lanes on a time axis, and the same as a list. */
export function Conversation({ id }: { readonly id: string }) {
  const history = useSignal<ConversationHistory | null>(null);
  const problem = useSignal<string | null>(null);
  const hasHistory = about.value?.history;
  useEffect(() => {
    if (hasHistory !== true) return undefined;
    const stopping = new AbortController();
    const read = (): void => {
      ask<ConversationHistory>(`api/conversations/${encodeURIComponent(id)}`, stopping.signal).then(
        (answer) => {
          history.value = answer;
          problem.value = null;
        },
        (error: unknown) => {
          if (!stopping.signal.aborted) problem.value = messageOf(error);
        },
      );
    };
    read();
    const timer = setInterval(read, AGAIN_MS);
    return () => {
      clearInterval(timer);
      stopping.abort();
    };
  }, [id, hasHistory]);
  const current = history.value?.id === id ? history.value : null;
  return (
    <main class="conversation" data-scrolls>
      <Title note={id}>Conversation</Title>
      {hasHistory === false ? (
        <p class="note">This board has no ClickHouse, so it does not know the past of a conversation.</p>
      ) : null}
      {problem.value === null ? null : (
        <p class="note" role="status">
          {problem.value}
        </p>
      )}
      {current === null ? (
        hasHistory === false || problem.value !== null ? null : (
          <p class="note">Reading …</p>
        )
      ) : (
        <>
          <Lanes history={current} until={now.value} />
          <Steps history={current} />
        </>
      )}
    </main>
  );
}

function Steps({ history }: { readonly history: ConversationHistory }) {
  return (
    <section aria-labelledby="steps">
      <h2 id="steps">Step by step</h2>
      <Table
        name="step"
        columns={STEPS}
        rows={history.versions}
        keyOf={(version) => `${history.versions.indexOf(version)}`}
      />
    </section>
  );
}

const STEPS: readonly Column<Version>[] = [
  {
    head: 'From',
    cell: ({ from }) => (
      <button type="button" class="link" title="Show the whole board at this instant" onClick={() => show(from)}>
        {instantNear(from, now.value)}
      </button>
    ),
  },
  {
    ...{ head: 'For', align: 'end' },
    cell: ({ change, from, until }) => (change === 'deleted' ? '' : <Time ms={(until ?? now.value) - from} />),
  },
  {
    head: 'State',
    cell: (version) => {
      if (version.change === 'deleted') return 'ended';
      const phase = phaseOf(version);
      return <span class={`state ${phase}`}>{phase === 'other' ? (version.state ?? '–') : PHASES[phase]}</span>;
    },
  },
  {
    head: 'Who',
    cell: (version) => {
      if (version.change === 'deleted' || version.purpose === 'acd') return '';
      const name = version.userName ?? version.userId ?? version.purpose ?? '–';
      return <Text>{phaseOf(version) === 'waiting' ? `${name} did not answer` : name}</Text>;
    },
  },
  {
    ...{ head: 'Queue', isMinor: true },
    cell: ({ queueId, queueName }) =>
      queueId === null ? (
        ''
      ) : (
        <a href={queueLink(queueId)}>
          <Text>{queueName ?? queueId}</Text>
        </a>
      ),
  },
];

function show(at: number): void {
  goTo(at);
  location.hash = '#/';
}
