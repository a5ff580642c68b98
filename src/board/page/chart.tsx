import { effect } from '@preact/signals';
import { useEffect, useRef } from 'preact/hooks';
import uPlot from 'uplot';
import 'uplot/dist/uPlot.min.css';
import { count, share, shortTime } from './format';
import { shownTheme } from './preferences';

export interface Curve {
  readonly label: string;
  /** A custom property of the style sheet. */
  readonly color: string;
  readonly values: readonly (number | null)[];
  /** `share`: points between 0 and 1, on an axis of their own. */
  readonly kind: 'bars' | 'steps' | 'share';
}

const HEIGHT = 176;

/** Curves over time. A table repeats the numbers, for people who cannot see the chart. */
export function Chart({
  title,
  times,
  curves,
}: {
  readonly title: string;
  readonly times: readonly number[];
  readonly curves: readonly Curve[];
}) {
  const frame = useRef<HTMLDivElement>(null);
  useEffect(() => {
    const element = frame.current;
    if (element === null) return undefined;
    let plot: uPlot | null = null;
    const stop = effect(() => {
      plot?.destroy();
      // Reads the colors again when the theme changes.
      plot = draw(element, times, curves, shownTheme.value);
    });
    const observer = new ResizeObserver(() => plot?.setSize({ width: element.clientWidth, height: HEIGHT }));
    observer.observe(element);
    return () => {
      stop();
      observer.disconnect();
      plot?.destroy();
    };
  }, [times, curves]);
  return (
    <figure class="chart">
      <figcaption>{title}</figcaption>
      <div ref={frame} aria-hidden="true" />
      <table class="hidden">
        <caption>{title}</caption>
        <thead>
          <tr>
            <th>Time</th>
            {curves.map(({ label }) => (
              <th key={label}>{label}</th>
            ))}
          </tr>
        </thead>
        <tbody>
          {sample(times.length).map((index) => (
            <tr key={index}>
              <th>{shortTime(times[index] ?? 0)}</th>
              {curves.map(({ label, kind, values }) => (
                <td key={label}>{textOf(kind, values[index] ?? null)}</td>
              ))}
            </tr>
          ))}
        </tbody>
      </table>
    </figure>
  );
}

const textOf = (kind: Curve['kind'], value: number | null): string =>
  value === null ? '–' : kind === 'share' ? share(value) : count(value);

/** At most 24 of them, so that a screen reader gets through. */
function sample(length: number): number[] {
  const every = Math.max(1, Math.ceil(length / 24));
  return Array.from({ length: Math.ceil(length / every) }, (_, index) => index * every);
}

/** uPlot names the sides in a const enum, which a bundler that compiles file by file cannot read. */
const RIGHT = 1;

function draw(element: HTMLElement, times: readonly number[], curves: readonly Curve[], theme: string): uPlot {
  const style = getComputedStyle(element);
  // A canvas does not know light-dark(), so the browser resolves the color.
  const color = (name: string): string => {
    element.style.color = `var(${name})`;
    const { color: found } = getComputedStyle(element);
    element.style.removeProperty('color');
    return found;
  };
  const font = `12px ${style.fontFamily}`;
  const axis = {
    ...{ stroke: color('--dim'), font, labelFont: font, labelSize: 18, ticks: { show: false } },
    grid: { stroke: color('--line'), width: 1 },
  };
  const hasShare = curves.some(({ kind }) => kind === 'share');
  // While the mouse points at no instant, the legend shows the newest values.
  const showNewest = (plot: uPlot): void => {
    if (typeof plot.cursor.idx !== 'number' && times.length > 0) plot.setLegend({ idx: times.length - 1 }, false);
  };
  return new uPlot(
    {
      width: element.clientWidth,
      height: HEIGHT,
      class: theme,
      cursor: { y: false, drag: { x: false, y: false } },
      hooks: { ready: [showNewest], setCursor: [showNewest] },
      scales: {
        x: { time: true },
        y: { range: (_plot, _min, max) => [0, Math.max(4, Math.ceil(max * 1.1))] },
        share: { range: [0, 1] },
      },
      axes: [
        { ...axis, space: 64, size: 28, values: (_plot, values) => values.map((at) => shortTime(at * 1_000)) },
        {
          ...{ ...axis, size: 42, label: hasShare ? 'arrivals' : 'conversations' },
          incrs: [1, 2, 5, 10, 20, 50, 100, 200, 500, 1_000, 2_000, 5_000, 10_000],
          values: (_plot, values) => values.map(count),
        },
        {
          ...{ ...axis, scale: 'share', size: 48, label: 'service level', grid: { show: false }, show: hasShare },
          // eslint-disable-next-line @typescript-eslint/no-unsafe-enum-assignment
          side: RIGHT,
          splits: () => [0, 0.25, 0.5, 0.75, 1],
          values: (_plot, values) => values.map(share),
        },
      ],
      series: [
        { value: (_plot, at: number | null) => (at === null ? '' : shortTime(at * 1_000)), label: 'at' },
        ...curves.map((curve) => seriesOf(curve, color(curve.color))),
      ],
    },
    [times.map((at) => at / 1000), ...curves.map(({ values }) => [...values])],
    element,
  );
}

function seriesOf({ label, kind }: Curve, color: string): uPlot.Series {
  const common: uPlot.Series = {
    ...{ label, stroke: color, width: 2, points: { show: false } },
    value: (_plot, value: number | null) => textOf(kind, value),
  };
  switch (kind) {
    case 'bars': {
      const paths = uPlot.paths.bars?.({ size: [0.8, 40], align: 1 });
      return { ...common, fill: color, width: 0, ...(paths === undefined ? {} : { paths }) };
    }
    case 'steps': {
      const paths = uPlot.paths.stepped?.({ align: 1 });
      return { ...common, ...(paths === undefined ? {} : { paths }) };
    }
    case 'share':
      return { ...common, scale: 'share', points: { show: true, size: 5, fill: color }, spanGaps: false };
  }
}
