import { signal } from '@preact/signals';
import { useEffect, useRef } from 'preact/hooks';
import { duration, instant, localInput, timeOfDay } from './format';
import { about, age, now, stale } from './live';
import { allMedia, search } from './overview';
import { DEFAULT_THRESHOLDS, media, theme, thresholds, thresholdsOfQueue, type Thresholds } from './preferences';
import { isWall, route } from './route';
import { goLive, goTo, problem, shownAt, speed, SPEEDS, step, travelTo } from './travel';

export const helpIsOpen = signal(false);
export const settingsAreOpen = signal(false);
const SEARCH_ID = 'search';

/** How old the picture is: always in sight. */
export function Freshness() {
  const gray = stale.value;
  const at = travelTo.value;
  if (at !== null) {
    return (
      <p class="freshness past" role="status">
        {shownAt.value === null ? 'Reading …' : `As it was on ${instant(shownAt.value)}`}
      </p>
    );
  }
  if (gray !== null) {
    return (
      <p class="freshness stale" role="status">
        {gray.since === null
          ? `No picture yet: ${gray.why}`
          : `Not current since ${timeOfDay(gray.since)}: ${gray.why}`}
      </p>
    );
  }
  const seconds = Math.floor((age.value ?? 0) / 1000);
  return <p class="freshness live">{seconds < 1 ? 'Live' : `Live, ${seconds} s old`}</p>;
}

export function Header() {
  return (
    <header>
      <a class="brand" href="#/">
        queuefold
      </a>
      <Freshness />
      {route.value.page === 'overview' && !isWall ? (
        <>
          <label class="hidden" for={SEARCH_ID}>
            Search queues
          </label>
          <input
            id={SEARCH_ID}
            type="search"
            placeholder="Search queues ( / )"
            value={search.value}
            onInput={(event) => (search.value = event.currentTarget.value)}
          />
          <label class="hidden" for="media">
            Medium
          </label>
          <select id="media" value={media.value} onChange={(event) => (media.value = event.currentTarget.value)}>
            <option value="">All media</option>
            {[...new Set([...allMedia.value, ...(media.value === '' ? [] : [media.value])])].map((name) => (
              <option key={name} value={name}>
                {name}
              </option>
            ))}
          </select>
        </>
      ) : null}
      {isWall ? null : (
        <nav aria-label="Board">
          <a href="?wall=1">Wall</a>
          <button type="button" onClick={() => (settingsAreOpen.value = true)}>
            Settings
          </button>
          <button type="button" onClick={() => (helpIsOpen.value = true)}>
            Help
          </button>
        </nav>
      )}
    </header>
  );
}

/** The slider over the retention. */
export function TimeBar() {
  const oldest = about.value?.oldest ?? null;
  if (about.value === null || !about.value.history || oldest === null) return null;
  const at = travelTo.value;
  const shown = at ?? now.value;
  return (
    <footer class={at === null ? 'time' : 'time past'} aria-label="Time travel">
      <label class="hidden" for="slider">
        Show the board as it was
      </label>
      <input
        id="slider"
        type="range"
        min={oldest}
        max={oldest + 1_000 * Math.max(1, Math.floor((now.value - oldest) / 1_000))}
        step={1000}
        value={shown}
        aria-valuetext={at === null ? 'now' : instant(at)}
        onInput={(event) => goTo(Number(event.currentTarget.value))}
      />
      <label class="hidden" for="instant">
        Instant
      </label>
      <input
        id="instant"
        type="datetime-local"
        step={1}
        value={localInput(shown)}
        onChange={(event) => {
          const wanted = new Date(event.currentTarget.value).getTime();
          if (Number.isFinite(wanted)) goTo(wanted);
        }}
      />
      <span class="buttons">
        <button type="button" onClick={() => step(-60_000)}>
          −1 min
        </button>
        <button type="button" onClick={() => step(60_000)}>
          +1 min
        </button>
        {SPEEDS.map((each) => (
          <button
            key={each}
            type="button"
            aria-pressed={speed.value === each}
            onClick={() => {
              if (at === null) goTo(now.value - 60_000);
              speed.value = speed.value === each ? 0 : each;
            }}
          >
            {each}×
          </button>
        ))}
        <button type="button" class="go-live" disabled={at === null} onClick={goLive}>
          Live (L)
        </button>
      </span>
      {problem.value === null ? null : (
        <p class="note" role="alert">
          {problem.value}
        </p>
      )}
    </footer>
  );
}

const KEYS: readonly (readonly [string, string])[] = [
  ['/', 'Search queues'],
  ['Escape', 'Clear the search, then back to all queues'],
  ['L', 'Back to the present'],
  ['[ and ]', 'One minute back or on; with Shift one hour'],
  ['Space', 'Play or pause the past'],
  ['T', 'Dark, light or the system’s theme'],
  ['W', 'Wall mode on or off'],
  ['?', 'This help'],
];

export function Help() {
  return (
    <Dialog title="Keys" isOpen={helpIsOpen.value} onClose={() => (helpIsOpen.value = false)}>
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
      <p>
        Numbers of today count from midnight ({about.value?.timeZone}). Answered in time means within{' '}
        {duration(about.value?.rule.targetMs ?? 0)}.
      </p>
    </Dialog>
  );
}

const LIMITS: readonly (readonly [keyof Thresholds, string])[] = [
  ['waitWarning', 'Longest wait, warning (s)'],
  ['waitAlarm', 'Longest wait, alarm (s)'],
  ['waitingWarning', 'Waiting, warning'],
  ['waitingAlarm', 'Waiting, alarm'],
  ['levelWarning', 'Service level, warning below (%)'],
  ['levelAlarm', 'Service level, alarm below (%)'],
];

export function Settings() {
  const { page } = route.value;
  const queueId = page === 'queue' && 'id' in route.value ? route.value.id : null;
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
    <Dialog
      title={queueId === null ? 'Settings of this browser' : 'Thresholds of this queue'}
      isOpen={settingsAreOpen.value}
      onClose={() => (settingsAreOpen.value = false)}
    >
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
      {LIMITS.map(([name, label]) => (
        <label class="field" key={name}>
          {label}
          <input
            type="number"
            min={0}
            value={values[name]}
            onChange={(event) => set(name, event.currentTarget.valueAsNumber)}
          />
        </label>
      ))}
      <button type="button" onClick={forget}>
        {queueId === null ? 'Defaults' : 'As for all queues'}
      </button>
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
        <h2>{props.title}</h2>
        {props.children}
        <p class="end">
          <button type="submit">Close</button>
        </p>
      </form>
    </dialog>
  );
}

const HOUR_MS = 3_600_000;
const MINUTE_MS = 60_000;

export function startKeys(): void {
  addEventListener('keydown', (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const target = event.target instanceof HTMLElement ? event.target : document.body;
    if (target.closest('dialog') !== null) return;
    const isTyping = target.matches('input:not([type=range]), select, textarea');
    if (event.key === 'Escape') escape(target);
    else if (!isTyping && act(event.key, target)) event.preventDefault();
  });
}

function escape(target: HTMLElement): void {
  if (search.value !== '') search.value = '';
  else if (target.id === SEARCH_ID) target.blur();
  else if (route.value.page !== 'overview') location.hash = '#/';
}

/** @returns whether the key means something here */
function act(key: string, target: HTMLElement): boolean {
  switch (key) {
    case '/':
      document.getElementById(SEARCH_ID)?.focus();
      return true;
    case 'l':
    case 'L':
      goLive();
      return true;
    case '[':
    case ']':
      step(key === '[' ? -MINUTE_MS : MINUTE_MS);
      return true;
    case '{':
    case '}':
      step(key === '{' ? -HOUR_MS : HOUR_MS);
      return true;
    case ' ':
      // A button takes the space bar for itself.
      if (travelTo.value === null || target.closest('button, a, summary') !== null) return false;
      speed.value = speed.value === 0 ? 1 : 0;
      return true;
    case 't':
    case 'T':
      theme.value = theme.value === 'system' ? 'dark' : theme.value === 'dark' ? 'light' : 'system';
      return true;
    case 'w':
    case 'W':
      location.search = isWall ? '' : '?wall=1';
      return true;
    case '?':
      helpIsOpen.value = true;
      return true;
    default:
      return false;
  }
}
