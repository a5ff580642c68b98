import { effect } from '@preact/signals';
import { useEffect, useRef } from 'preact/hooks';
import uPlot from 'uplot';
import 'uplot/dist/uPlot.min.css';
import { theme } from './preferences';

export interface Curve {
  readonly label: string;
  /** A custom property of the style sheet. */
  readonly color: string;
  readonly values: readonly (number | null)[];
  readonly kind?: 'line' | 'bars' | 'steps';
  /** 0 to 1, on an axis of its own. */
  readonly percent?: true;
}

/** Curves over time. The numbers are in a table, too, for those who cannot see it. */
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
    let drawnFor: string | null = null;
    const stop = effect(() => {
      // Colors are read again when the theme changes.
      if (theme.value !== drawnFor) plot?.destroy();
      drawnFor = theme.value;
      plot = draw(element, times, curves);
    });
    const observer = new ResizeObserver(() => plot?.setSize({ width: element.clientWidth, height: 220 }));
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
              <th>{new Date(times[index] ?? 0).toLocaleTimeString()}</th>
              {curves.map(({ label, values }) => (
                <td key={label}>{values[index] ?? '–'}</td>
              ))}
            </tr>
          ))}
        </tbody>
      </table>
    </figure>
  );
}

/** At most 24 of them: a screen reader is to get through. */
function sample(length: number): number[] {
  const every = Math.max(1, Math.ceil(length / 24));
  return Array.from({ length: Math.ceil(length / every) }, (_, index) => index * every);
}

function draw(element: HTMLElement, times: readonly number[], curves: readonly Curve[]): uPlot {
  const style = getComputedStyle(element);
  const color = (name: string) => style.getPropertyValue(name).trim();
  const axis = { stroke: color('--dim'), grid: { stroke: color('--line'), width: 1 }, ticks: { show: false } };
  const bars = uPlot.paths.bars?.({ size: [0.8, 40] });
  const steps = uPlot.paths.stepped?.({ align: 1 });
  return new uPlot(
    {
      width: element.clientWidth,
      height: 220,
      scales: { x: { time: true }, percent: { range: [0, 1] } },
      axes: [
        axis,
        { ...axis, size: 44 },
        {
          ...axis,
          ...{
            scale: 'percent',
            // Right. uPlot names it in a const enum, which a bundler that compiles file by file cannot read.
            // eslint-disable-next-line @typescript-eslint/no-unsafe-enum-assignment
            side: 1,
            grid: { show: false },
            show: curves.some(({ percent }) => percent),
            size: 48,
          },
          values: (_plot, values) => values.map((value) => `${Math.round(100 * value)}%`),
        },
      ],
      series: [
        {},
        ...curves.map(({ label, color: name, kind = 'line', percent }): uPlot.Series => ({
          label,
          stroke: color(name),
          width: 2,
          points: { show: percent === true },
          ...(percent ? { scale: 'percent', value: (_plot, value) => `${Math.round(100 * value)}%` } : {}),
          ...(kind === 'bars' && bars ? { paths: bars, fill: color(name), width: 0 } : {}),
          ...(kind === 'steps' && steps ? { paths: steps } : {}),
        })),
      ],
    },
    [times.map((at) => at / 1000), ...curves.map(({ values }) => [...values])],
    element,
  );
}
