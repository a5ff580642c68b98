import { computed, signal } from '@preact/signals';
import { useEffect } from 'preact/hooks';
import { helpIsOpen, settingsAreOpen } from './dialogs';
import { instant, instantNear } from './format';
import { age, now, stale } from './live';
import { allMedia, search } from './overview';
import { media } from './preferences';
import { route } from './route';
import { shownAt, speed, travelTo } from './travel';

export const SEARCH_ID = 'search';

/** The age of the picture, always in sight. It changes every second, so screen readers get `Announcer` instead. */
export function Freshness() {
  const at = travelTo.value;
  if (at !== null) {
    const text = shownAt.value === null ? 'Reading the past …' : `As it was on ${instant(shownAt.value)}`;
    return <p class="freshness past">{text}</p>;
  }
  const why = staleText.value;
  if (why !== null) return <p class="freshness stale">{why}</p>;
  const seconds = Math.floor((age.value ?? 0) / 1000);
  return (
    <p class="freshness live">
      Live <small>{seconds} s old</small>
    </p>
  );
}

const staleText = computed((): string | null => {
  if (stale.value === null) return null;
  const { since, why } = stale.value;
  return since === null ? `No picture yet: ${why}` : `Not current since ${instantNear(since, now.value)}: ${why}`;
});

/** Announcements for screen readers: the picture is no longer current, is current again, or is of another time. */
const news = computed((): string => {
  const at = travelTo.value;
  if (at === null) return staleText.value ?? 'The board is live.';
  if (speed.value !== 0) return `The past plays at ${speed.value} times its speed.`;
  return `The board shows ${instant(at)}.`;
});
const announced = signal('');
/** Somebody who moves a slider hears only its final position. */
const QUIET_MS = 1_000;

export function Announcer() {
  const text = news.value;
  useEffect(() => {
    const timer = setTimeout(() => (announced.value = text), QUIET_MS);
    return () => clearTimeout(timer);
  }, [text]);
  return (
    <p class="hidden" role="status">
      {announced.value}
    </p>
  );
}

export function Header() {
  return (
    <header>
      <a class="brand" href="#/">
        queuefold
      </a>
      <Freshness />
      {route.value.page === 'overview' ? <Filters /> : null}
      <nav aria-label="Board">
        <a class="button" href="?wall=1" title="As many queues as fit the screen, without controls (W)">
          Wall
        </a>
        <button type="button" onClick={() => (settingsAreOpen.value = true)}>
          Settings
        </button>
        <button type="button" title="What the numbers mean, and the keys (?)" onClick={() => (helpIsOpen.value = true)}>
          Help
        </button>
      </nav>
    </header>
  );
}

function Filters() {
  const names = [...new Set([...allMedia.value, ...(media.value === '' ? [] : [media.value])])];
  return (
    <div class="filters">
      <input
        id={SEARCH_ID}
        type="search"
        aria-label="Search queues"
        placeholder="Search queues"
        title="Search queues ( / )"
        value={search.value}
        onInput={(event) => (search.value = event.currentTarget.value)}
      />
      <select aria-label="Medium" value={media.value} onChange={(event) => (media.value = event.currentTarget.value)}>
        <option value="">All media</option>
        {names.map((name) => (
          <option key={name} value={name}>
            {name}
          </option>
        ))}
      </select>
    </div>
  );
}
