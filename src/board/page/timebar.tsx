import { instant, instantOf, localInput } from './format';
import { about, now } from './live';
import { goLive, goTo, play, problem, speed, SPEEDS, step, travelTo } from './travel';

const MINUTE_MS = 60_000;

/** The slider over the retention. */
export function TimeBar() {
  const oldest = about.value?.oldest ?? null;
  if (about.value?.history !== true || oldest === null) return null;
  const at = travelTo.value;
  return (
    <footer class={at === null ? 'time' : 'time past'} aria-label="Time travel">
      <Slider oldest={oldest} />
      <input
        id="instant"
        type="datetime-local"
        aria-label="Instant"
        step={1}
        value={localInput(at ?? now.value)}
        onChange={(event) => {
          const wanted = instantOf(event.currentTarget.value, at ?? now.value);
          if (Number.isFinite(wanted)) goTo(wanted);
        }}
      />
      <div class="buttons" role="group" aria-label="Move through the past">
        <button type="button" title="One minute back ( [ )" onClick={() => step(-MINUTE_MS)}>
          −1 min
        </button>
        <button type="button" title="One minute on ( ] )" disabled={at === null} onClick={() => step(MINUTE_MS)}>
          +1 min
        </button>
        {SPEEDS.map((each) => (
          <button
            key={each}
            type="button"
            title={`Play the past at ${each} times its speed`}
            aria-label={`Play ${each}×`}
            aria-pressed={speed.value === each}
            onClick={() => play(each)}
          >
            {each}×
          </button>
        ))}
        <button type="button" class="go-live" title="Back to the present (L)" disabled={at === null} onClick={goLive}>
          Live
        </button>
      </div>
      {problem.value === null ? null : (
        <p class="note" role="alert">
          {problem.value}
        </p>
      )}
    </footer>
  );
}

function Slider({ oldest }: { readonly oldest: number }) {
  const at = travelTo.value;
  // Whole steps from the oldest instant on; otherwise the browser moves the value to one.
  const max = oldest + 1_000 * Math.max(1, Math.floor((now.value - oldest) / 1_000));
  return (
    <div class="slider">
      <input
        id="slider"
        type="range"
        aria-label="Show the board as it was"
        aria-valuetext={at === null ? 'now' : instant(at)}
        min={oldest}
        max={max}
        step={1000}
        value={at ?? max}
        onInput={(event) => goTo(Number(event.currentTarget.value))}
      />
      <p class="ends" aria-hidden="true">
        <span>{instant(oldest)}</span>
        <span>now</span>
      </p>
    </div>
  );
}
