import { signal } from '@preact/signals';
import { useEffect, useRef } from 'preact/hooks';
import { count } from './format';
import { about } from './live';
import { DEFAULT_THRESHOLDS, theme, thresholds, thresholdsOfQueue, type Thresholds } from './preferences';
import { route } from './route';

export const helpIsOpen = signal(false);
export const settingsAreOpen = signal(false);

const KEYS: readonly (readonly [string, string])[] = [
  ['/', 'Search queues'],
  ['Esc', 'Clear the search, then back to all queues'],
  ['[ ]', 'One minute back or on; with Shift, one hour'],
  ['Space', 'Play or pause the past; on the wall, stop turning or continue'],
  ['L', 'Back to the present'],
  ['T', 'Theme: dark, light or the system’s'],
  ['W', 'Wall on or off'],
  ['?', 'This help'],
];

const MEANINGS: readonly (readonly [string, string])[] = [
  ['Waiting', 'Customers in the queue whom no agent has answered yet.'],
  ['Ringing', 'Waiting customers for whom an agent’s phone rings.'],
  ['Longest wait', 'How long the first waiting customer has waited in this queue.'],
  ['Talking', 'Customers who talk to an agent.'],
  ['After-call', 'Agents who still work on a call that has ended.'],
  ['Offered', 'Customers who came into the queue since midnight.'],
  ['Answered', 'Those of them whom an agent answered.'],
  ['Abandoned', 'Those of them who gave up while they waited.'],
];

const seconds = (ms: number): string => `${count(ms / 1_000)} s`;

export function Help() {
  const rule = about.value?.rule;
  return (
    <Dialog title="Help" isOpen={helpIsOpen.value} onClose={() => (helpIsOpen.value = false)}>
      <h3>The numbers</h3>
      <dl class="meanings">
        {MEANINGS.map(([name, meaning]) => (
          <Entry key={name} name={name} meaning={meaning} />
        ))}
        {rule === undefined ? null : (
          <Entry
            name="Service level"
            meaning={`Share of customers who were answered within ${seconds(rule.targetMs)}. Customers who gave up within ${seconds(rule.shortAbandonMs)} do not count.`}
          />
        )}
      </dl>
      <p>
        The day begins at midnight in the time zone {about.value?.timeZone ?? 'of the board'}. All other times are in
        this browser’s time zone. <span class="value warning">Yellow</span> is a warning and{' '}
        <span class="value alarm">red</span> an alarm: you choose the thresholds in <em>Settings</em>, for all queues
        or, on the page of a queue, for that queue only.
      </p>
      <h3>How old the picture is</h3>
      <p>
        The age is at the top. If the picture is not current, the page turns gray and says since when. The numbers are
        then those of that moment.
      </p>
      <h3>The past</h3>
      <p>
        The slider at the bottom shows the whole board as it was. <em>1×</em>, <em>10×</em> and <em>60×</em> play on
        from there. <em>Live</em> returns to the present. A board without ClickHouse has no slider.
      </p>
      <h3>Keys</h3>
      <dl class="keys">
        {KEYS.map(([key, does]) => (
          <div key={key}>
            <dt>
              <kbd>{key}</kbd>
            </dt>
            <dd>{does}</dd>
          </div>
        ))}
      </dl>
    </Dialog>
  );
}

function Entry({ name, meaning }: { readonly name: string; readonly meaning: string }) {
  return (
    <div>
      <dt>{name}</dt>
      <dd>{meaning}</dd>
    </div>
  );
}

const LIMITS: readonly {
  readonly name: string;
  readonly unit: string;
  readonly warning: keyof Thresholds;
  readonly alarm: keyof Thresholds;
}[] = [
  { name: 'Longest wait, from', unit: 'seconds', warning: 'waitWarning', alarm: 'waitAlarm' },
  { name: 'Waiting, from', unit: 'customers', warning: 'waitingWarning', alarm: 'waitingAlarm' },
  { name: 'Service level, below', unit: 'percent', warning: 'levelWarning', alarm: 'levelAlarm' },
];

/** On the page of a queue it edits that queue's thresholds. */
export function Settings() {
  const where = route.value;
  const queueId = where.page === 'queue' ? where.id : null;
  const own = queueId === null ? undefined : thresholdsOfQueue.value[queueId];
  const values: Thresholds = { ...DEFAULT_THRESHOLDS, ...thresholds.value, ...own };
  const set = (name: keyof Thresholds, value: number): void => {
    if (!Number.isFinite(value) || value < 0) return;
    if (queueId === null) thresholds.value = { ...values, [name]: value };
    else thresholdsOfQueue.value = { ...thresholdsOfQueue.value, [queueId]: { ...values, [name]: value } };
  };
  const forget = (): void => {
    if (queueId === null) thresholds.value = DEFAULT_THRESHOLDS;
    else {
      thresholdsOfQueue.value = Object.fromEntries(
        Object.entries(thresholdsOfQueue.value).filter(([id]) => id !== queueId),
      );
    }
  };
  return (
    <Dialog title="Settings" isOpen={settingsAreOpen.value} onClose={() => (settingsAreOpen.value = false)}>
      <label class="field">
        Theme
        <select
          value={theme.value}
          onChange={(event) => (theme.value = event.currentTarget.value as typeof theme.value)}
        >
          <option value="system">as the system</option>
          <option value="light">light</option>
          <option value="dark">dark</option>
        </select>
      </label>
      <h3>{queueId === null ? 'Thresholds of all queues' : 'Thresholds of this queue only'}</h3>
      <table class="limits">
        <thead>
          <tr>
            <td />
            <th scope="col">
              <span class="value warning">Warning</span>
            </th>
            <th scope="col">
              <span class="value alarm">Alarm</span>
            </th>
          </tr>
        </thead>
        <tbody>
          {LIMITS.map(({ name, unit, ...of }) => (
            <tr key={name}>
              <th scope="row">
                {name} <small>{unit}</small>
              </th>
              {(['warning', 'alarm'] as const).map((urgency) => (
                <td key={urgency}>
                  <input
                    type="number"
                    min={0}
                    aria-label={`${name} (${unit}): ${urgency}`}
                    value={values[of[urgency]]}
                    onChange={(event) => set(of[urgency], event.currentTarget.valueAsNumber)}
                  />
                </td>
              ))}
            </tr>
          ))}
        </tbody>
      </table>
      <p>
        <button type="button" disabled={queueId !== null && own === undefined} onClick={forget}>
          {queueId === null ? 'Reset thresholds' : 'Use those of all queues'}
        </button>
      </p>
      <p class="dim">This browser keeps the settings. Nobody else sees them.</p>
    </Dialog>
  );
}

function Dialog(props: {
  readonly title: string;
  readonly isOpen: boolean;
  readonly onClose: () => void;
  readonly children: preact.ComponentChildren;
}) {
  const element = useRef<HTMLDialogElement>(null);
  useEffect(() => {
    if (props.isOpen && element.current?.open === false) element.current.showModal();
    if (!props.isOpen && element.current?.open === true) element.current.close();
  }, [props.isOpen]);
  return (
    <dialog ref={element} onClose={props.onClose} aria-label={props.title}>
      <form method="dialog">
        <div class="head">
          <h2>{props.title}</h2>
          <button type="submit">Close</button>
        </div>
        {props.isOpen ? props.children : null}
      </form>
    </dialog>
  );
}
