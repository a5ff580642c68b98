import { computed, effect, signal } from '@preact/signals';
import { useEffect } from 'preact/hooks';
import { count, duration, share, timeOfDay } from './format';
import { Freshness } from './header';
import type { QueueRow } from './model';
import { longestWait, LongestWait, NoQueues, shownQueues, totals, useUrgencies, worstOf } from './overview';
import { Count } from './parts';
import { clock } from './travel';

/** For a screen on the wall: as many tiles as fit, and every few seconds the next ones. */

const TURN_MS = 10_000;
/** The smallest tile that people can read from a few meters away. */
const LEAST = { width: 250, height: 170 };
/** The shape of a tile that reads well: wider than high. */
const GOOD_RATIO = 1.6;
const HEADER_HEIGHT = 76;
const GAP = 12;

/** Off: somebody is reading, or prefers less motion. */
export const isTurning = signal(!matchMedia('(prefers-reduced-motion: reduce)').matches);
const page = signal(0);
const size = signal({ width: innerWidth, height: innerHeight });

interface Grid {
  readonly across: number;
  readonly down: number;
}

/** The largest size at which all tiles fit; if that is too small, as many tiles as fit. */
const grid = computed((): Grid => {
  const width = size.value.width - GAP;
  const height = size.value.height - HEADER_HEIGHT - GAP;
  const most: Grid = {
    across: Math.max(1, Math.floor(width / (LEAST.width + GAP))),
    down: Math.max(1, Math.floor(height / (LEAST.height + GAP))),
  };
  const tiles = Math.max(1, shownQueues.value?.length ?? 0);
  if (tiles > most.across * most.down) return most;
  const sizeOf = ({ across, down }: Grid): number => Math.min(width / across / GOOD_RATIO, height / down);
  return Array.from({ length: most.across }, (_, index) => ({
    across: index + 1,
    down: Math.ceil(tiles / (index + 1)),
  }))
    .filter(({ down }) => down <= most.down)
    .reduce((best, each) => (sizeOf(each) > sizeOf(best) ? each : best), most);
});
const pages = computed(() =>
  Math.max(1, Math.ceil((shownQueues.value?.length ?? 0) / (grid.value.across * grid.value.down))),
);
effect(() => {
  if (page.value >= pages.value) page.value = 0;
});

export function Wall() {
  useEffect(() => {
    const resized = () => (size.value = { width: innerWidth, height: innerHeight });
    addEventListener('resize', resized);
    const timer = setInterval(() => {
      if (isTurning.value) page.value = (page.value + 1) % pages.value;
    }, TURN_MS);
    return () => {
      removeEventListener('resize', resized);
      clearInterval(timer);
    };
  }, []);
  const { across, down } = grid.value;
  const queues = shownQueues.value;
  const first = page.value * across * down;
  return (
    <>
      <WallHeader />
      <main class="wall">
        <h1 class="hidden">Queues</h1>
        {queues === null || queues.length === 0 ? (
          <NoQueues />
        ) : (
          <ul class="tiles" style={{ '--across': across, '--down': down }}>
            {queues.slice(first, first + across * down).map((row) => (
              <Tile key={row.queueId} row={row} />
            ))}
          </ul>
        )}
      </main>
    </>
  );
}

function WallHeader() {
  const sum = totals.value;
  const wait = sum === null ? null : longestWait(sum);
  return (
    <header class="wall">
      <a class="brand" href="./" title="Leave the wall (W)">
        queuefold
      </a>
      <Freshness />
      {sum === null ? null : (
        <p class="sum">
          {count(sum.live.waiting)} waiting{wait === null ? '' : `, the longest ${duration(wait)}`}
        </p>
      )}
      {pages.value > 1 ? (
        <p class="turn">
          {page.value + 1} of {pages.value}
          <button
            type="button"
            aria-pressed={!isTurning.value}
            aria-label="Stop turning"
            title="Stop turning or continue (Space)"
            onClick={() => (isTurning.value = !isTurning.value)}
          >
            {isTurning.value ? '❚❚' : '▶'}
          </button>
        </p>
      ) : null}
      <p class="clock">
        <time>{timeOfDay(clock.value)}</time>
      </p>
    </header>
  );
}

function Tile({ row }: { readonly row: QueueRow }) {
  const urgency = useUrgencies(row);
  return (
    <li class={`tile ${worstOf(urgency)}`} data-queue={row.queueId}>
      <div class="scale">
        <h2>{row.label}</h2>
        <dl class="big">
          <div>
            <dt>waiting</dt>
            <dd>
              <Count of={row.live.waiting} urgency={urgency.waiting} />
            </dd>
          </div>
          <div>
            <dt>longest</dt>
            <dd>
              <LongestWait of={row} urgency={urgency.wait} />
            </dd>
          </div>
        </dl>
        <dl class="small">
          <div>
            <dt>talking</dt>
            <dd>{count(row.live.talking)}</dd>
          </div>
          <div>
            <dt>after-call</dt>
            <dd>{count(row.live.afterCallWork)}</dd>
          </div>
          <div>
            <dt>service level</dt>
            <dd>{share(row.serviceLevel)}</dd>
          </div>
        </dl>
      </div>
    </li>
  );
}
