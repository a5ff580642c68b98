import { computed, effect, signal } from '@preact/signals';
import { useEffect } from 'preact/hooks';
import { count, share, timeOfDay } from './format';
import { Cell, LongestWait, shownQueues, urgenciesOf } from './overview';
import { clock } from './travel';

/** For a screen on the wall: as many tiles as fit, and by itself the next ones every few seconds. */

const TURN_MS = 10_000;
const TILE = { width: 300, height: 190 };

const page = signal(0);
const size = signal({ width: innerWidth, height: innerHeight });
const places = computed(() => {
  const across = Math.max(1, Math.floor((size.value.width - 16) / TILE.width));
  const down = Math.max(1, Math.floor((size.value.height - 90) / TILE.height));
  return { across, down, all: across * down };
});
const pages = computed(() => Math.max(1, Math.ceil(shownQueues.value.length / places.value.all)));
effect(() => {
  if (page.value >= pages.value) page.value = 0;
});

export function Wall() {
  useEffect(() => {
    const resized = () => (size.value = { width: innerWidth, height: innerHeight });
    addEventListener('resize', resized);
    const timer = setInterval(() => (page.value = (page.value + 1) % pages.value), TURN_MS);
    return () => {
      removeEventListener('resize', resized);
      clearInterval(timer);
    };
  }, []);
  const { across, down, all } = places.value;
  const queues = shownQueues.value.slice(page.value * all, (page.value + 1) * all);
  return (
    <main class="wall">
      <h1 class="hidden">Queues</h1>
      <p class="clock">
        <time>{timeOfDay(clock.value)}</time>
        {pages.value > 1 ? <small> {`${page.value + 1} of ${pages.value}`}</small> : null}
      </p>
      <ul class="tiles" style={{ '--across': across, '--down': down }}>
        {queues.map((row) => {
          const urgency = urgenciesOf(row);
          const worst = [urgency.waiting, urgency.wait].includes('alarm')
            ? 'alarm'
            : [urgency.waiting, urgency.wait].includes('warning')
              ? 'warning'
              : 'fine';
          return (
            <li key={row.queueId} class={`tile ${worst}`} data-queue={row.queueId}>
              <h2>{row.label}</h2>
              <p class="big">
                <Cell urgency={urgency.waiting}>{count(row.live.waiting)}</Cell> <small>waiting</small>
              </p>
              <dl>
                <div>
                  <dt>Longest</dt>
                  <dd>
                    <LongestWait since={row.live.oldestWaitingSince} urgency={urgency.wait} />
                  </dd>
                </div>
                <div>
                  <dt>Talking</dt>
                  <dd>{count(row.live.talking)}</dd>
                </div>
                <div>
                  <dt>Level</dt>
                  <dd>{share(row.serviceLevel)}</dd>
                </div>
              </dl>
            </li>
          );
        })}
      </ul>
    </main>
  );
}
