import type { Wait } from './progress';
import { sorted, type TraceEvent, type TraceKind } from './trace';

export interface Drawing {
  readonly from: number;
  readonly to: number;
  readonly members: readonly string[];
  readonly events: readonly TraceEvent[];
  readonly waits: ReadonlyMap<number, readonly Wait[]>;
}

const LONG_MS = 1_000;
const MOST_WAITS = 20;

/** The time line as text: one event a line, then the longest waits. */
export function drawText({ from, to, events, waits }: Drawing): string {
  const seconds = (at: number): string => `${((at - from) / 1_000).toFixed(2)} s`.padStart(10);
  const lines = sorted(events).map(({ at, member, kind, partition, detail }) =>
    [seconds(at), member.padEnd(8), kind.padEnd(10), partition === null ? '  ' : `p${partition}`, detail].join('  '),
  );
  const longest = [...waits.values()]
    .flat()
    .filter((wait) => wait.to - wait.from >= LONG_MS)
    .sort((a, b) => b.to - b.from - (a.to - a.from))
    .slice(0, MOST_WAITS)
    .map((wait) => {
      const until = Math.min(wait.to, to);
      return `  p${wait.partition}  ${seconds(wait.from)} to ${seconds(until)}: ${Math.round(until - wait.from)} ms`;
    });
  return [...lines, '', 'The longest waits:', ...longest, ''].join('\n');
}

const WIDTH = 1_600;
const LEFT = 70;
const LANE = 26;
const COLOURS: Readonly<Record<TraceKind, string>> = {
  fault: '#c0392b',
  over: '#7f8c8d',
  rebalance: '#f39c12',
  assigned: '#2980b9',
  fencing: '#16a085',
  restored: '#27ae60',
  fenced: '#8e44ad',
  retry: '#d35400',
  membership: '#e67e22',
  commit: '#2c3e50',
};

/** The same as SVG: a lane for each member with its events, and one for each partition with its waits. */
export function drawSvg({ from, to, members, events, waits }: Drawing): string {
  const x = (at: number): string => (LEFT + ((Math.min(at, to) - from) / Math.max(1, to - from)) * WIDTH).toFixed(1);
  const partitions = [...waits.keys()].sort((a, b) => a - b);
  const names = [...members, ...partitions.map((partition) => `p${partition}`)];
  const y = (lane: number): number => 30 + lane * LANE;
  const height = y(names.length) + 30;
  const labels = names.map((name, lane) => `<text x="4" y="${y(lane) + 16}">${name}</text>`);
  const faults = events
    .filter(({ kind }) => kind === 'fault')
    .map(({ at, detail }) => {
      const line = `<line x1="${x(at)}" x2="${x(at)}" y1="20" y2="${height - 20}" stroke="#c0392b" stroke-opacity=".3"/>`;
      return `${line}<text x="${x(at)}" y="16" font-size="10">${detail}</text>`;
    });
  const marks = events
    .filter(({ member }) => members.includes(member))
    .map(({ at, member, kind, partition, detail }) => {
      const title = `${kind} ${partition === null ? '' : `p${partition} `}${escaped(detail)}`;
      const top = y(members.indexOf(member)) + 4;
      return `<rect x="${x(at)}" y="${top}" width="3" height="16" fill="${COLOURS[kind]}"><title>${title}</title></rect>`;
    });
  const bars = partitions.flatMap((partition, index) =>
    (waits.get(partition) ?? []).map((wait) => {
      const width = Math.max(0.5, Number(x(wait.to)) - Number(x(wait.from))).toFixed(1);
      const colour = wait.to - wait.from >= LONG_MS ? '#e74c3c' : '#a9dfbf';
      const top = y(members.length + index) + 4;
      const title = `${Math.round(Math.min(wait.to, to) - wait.from)} ms`;
      return `<rect x="${x(wait.from)}" y="${top}" width="${width}" height="16" fill="${colour}"><title>${title}</title></rect>`;
    }),
  );
  const legend = Object.entries(COLOURS).map(
    ([kind, colour], index) =>
      `<text x="${LEFT + index * 110}" y="${height - 6}" fill="${colour}" font-size="12">■ ${kind}</text>`,
  );
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" width="${LEFT + WIDTH + 20}" height="${height}" font-family="sans-serif" font-size="13">`,
    '<rect width="100%" height="100%" fill="#fff"/>',
    ...[...labels, ...faults, ...bars, ...marks, ...legend],
    '</svg>',
    '',
  ].join('\n');
}

function escaped(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;');
}
