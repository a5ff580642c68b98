import { get, type IncomingMessage } from 'node:http';
import { loadavg } from 'node:os';
import { join } from 'node:path';
import type { Browser, Page } from 'playwright-core';
import { chromiumPath, startChromium } from '../support/deployment/chromium';
import type { BoardCost, BoardOrder, BoardReports, Written } from './board-process';
import { startChild, type Child } from './child';

export interface BoardFigures {
  readonly input: BoardSizes;
  /** With all viewers, one of them slow, and a quarter of them with a queue open. */
  readonly server: BoardCost;
  /** The bytes in the slow viewer's connection, without those in the kernel. */
  readonly browser: BrowserFigures | string;
  /** One-minute load averages of the machine, before and after: they show what else ran. */
  readonly load: { readonly before: number; readonly after: number };
}

export interface BrowserFigures {
  readonly events: number;
  /** From the event in the server to the frame that shows it. */
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly maxMs: number;
  /** The longest task of the page's main thread, ms; 0: no task took 50 ms. First: while the page opens. */
  readonly longestTaskAtStartMs: number;
  readonly longestTaskMs: number;
  /** The CPU time of those tasks: a task also takes longer while other processes use the machine. */
  readonly longestTaskAtStartCpuMs: number;
  readonly longestTaskCpuMs: number;
}

export interface BoardSizes {
  readonly queues: number;
  readonly conversations: number;
  readonly changesPerSecond: number;
  readonly viewers: number;
}

const SIZES: BoardSizes = { queues: 5_000, conversations: 20_000, changesPerSecond: 1_000, viewers: 20 };
const SECONDS = 20;
const EVENTS_PER_SECOND = 200;

/** The board's server with many viewers, then one of its pages in a real browser. */
export async function measureBoard(profile: string | null, sizes: BoardSizes = SIZES): Promise<BoardFigures> {
  const before = loadavg()[0] ?? 0;
  const child = startChild<BoardReports>(join(__dirname, 'board-process.js'), sizes, profile);
  try {
    const url = await child.next('url');
    const server = await underLoad(child, url, sizes);
    const browser = chromiumPath() === undefined ? 'no Chromium on this machine' : await inBrowser(child, url);
    return { input: sizes, server, browser, load: { before, after: loadavg()[0] ?? 0 } };
  } finally {
    await child.end();
  }
}

function tell(child: Child<BoardReports>, order: BoardOrder): void {
  child.tell(JSON.stringify(order));
}

async function underLoad(child: Child<BoardReports>, url: string, sizes: BoardSizes): Promise<BoardCost> {
  const queue = (index: number): string => `?queue=aaaa0000-0000-4000-8000-${String(index).padStart(12, '0')}`;
  const streams = await Promise.all(
    Array.from({ length: sizes.viewers }, (_, index) => look(`${url}/api/live${index % 4 === 1 ? queue(index) : ''}`)),
  );
  for (const [index, stream] of streams.entries()) if (index > 0) stream.resume();
  const cost = child.next('cost');
  tell(child, { kind: 'changes', perSecond: sizes.changesPerSecond, seconds: SECONDS });
  const figures = await cost;
  for (const stream of streams) stream.destroy();
  return figures;
}

/** Nobody ever reads the first one. */
function look(url: string): Promise<IncomingMessage> {
  return new Promise((resolve, reject) => {
    get(url, { agent: false }, (response) => {
      response.on('error', () => undefined);
      resolve(response);
    }).on('error', reject);
  });
}

interface Seen {
  readonly shown: readonly (readonly [at: number, waiting: number])[];
  readonly tasks: readonly { readonly at: number; readonly ms: number }[];
}

/**
 * Runs in the page: which frame showed what and when, and the tasks that blocked the main thread. A text, because the
 * bench's types do not know a browser.
 */
const WATCH = `
  globalThis.seen = { shown: [], tasks: [] };
  new PerformanceObserver((list) => {
    for (const { startTime, duration } of list.getEntries())
      seen.tasks.push({ at: performance.timeOrigin + startTime, ms: duration });
  }).observe({ type: 'longtask', buffered: true });
  const { port1, port2 } = new MessageChannel();
  let last = '';
  port1.onmessage = () => {
    const text = document.querySelector('[data-total="Waiting"] dd')?.textContent ?? '';
    if (text === last) return;
    last = text;
    seen.shown.push([Date.now(), Number((/^[\\d.,\\s]+/.exec(text)?.[0] ?? '0').replace(/\\D/g, ''))]);
  };
  // A message from within a frame's callback is delivered after the frame has been painted.
  const frame = () => { port2.postMessage(0); requestAnimationFrame(frame); };
  requestAnimationFrame(frame);
`;

async function inBrowser(child: Child<BoardReports>, url: string): Promise<BrowserFigures> {
  const browser = await startChromium();
  try {
    const page = await browser.newPage({ viewport: { width: 1_280, height: 800 }, locale: 'en-US' });
    await page.addInitScript(WATCH);
    const longestTaskAtStartCpuMs = await longestTaskCpu(browser, page, async () => {
      await page.goto(url);
      await page.locator('[data-total="Waiting"] dd').waitFor();
      await page.waitForTimeout(5_000);
    });
    const began = Date.now();
    let arrivals: Written = { from: 0, times: [] };
    const longestTaskCpuMs = await longestTaskCpu(browser, page, async () => {
      const written = child.next('written');
      tell(child, { kind: 'arrivals', perSecond: EVENTS_PER_SECOND, seconds: SECONDS });
      arrivals = await written;
      await page.waitForTimeout(3_000);
    });
    return { ...figuresOf(await seenBy(page), arrivals, began), longestTaskAtStartCpuMs, longestTaskCpuMs };
  } finally {
    await browser.close();
  }
}

interface TraceEvent {
  readonly name: string;
  readonly pid: number;
  readonly tid: number;
  /** CPU time of the thread, µs. */
  readonly tdur?: number;
}

/** Distinguishes the page's process in the trace from those of the browser's own pages. */
const MARK = 'queuefold';

/** @returns the CPU time of the costliest task of the page's main thread meanwhile, ms */
async function longestTaskCpu(browser: Browser, page: Page, meanwhile: () => Promise<void>): Promise<number> {
  await browser.startTracing(page, { categories: ['toplevel', 'blink.user_timing'] });
  await meanwhile();
  await page.evaluate(`performance.mark('${MARK}')`);
  const { traceEvents } = JSON.parse((await browser.stopTracing()).toString()) as { traceEvents: TraceEvent[] };
  const thread = ({ pid, tid }: TraceEvent): string => `${pid} ${tid}`;
  const main = new Set(traceEvents.filter(({ name }) => name === MARK).map(thread));
  const tasks = traceEvents.filter((event) => event.tdur !== undefined && main.has(thread(event)));
  if (tasks.length === 0)
    throw new Error('the trace has no tasks of the page: does this Chromium name them otherwise?');
  return Math.round(tasks.reduce((most, { tdur = 0 }) => Math.max(most, tdur), 0) / 1_000);
}

async function seenBy(page: Page): Promise<Seen> {
  return await page.evaluate<Seen>('globalThis.seen');
}

function figuresOf(
  { shown, tasks }: Seen,
  { from, times }: Written,
  began: number,
): Omit<BrowserFigures, 'longestTaskAtStartCpuMs' | 'longestTaskCpuMs'> {
  const waits: number[] = [];
  let index = 0;
  for (const [at, waiting] of shown) {
    for (; index < Math.min(times.length, waiting - from); index += 1) waits.push(at - (times[index] ?? at));
  }
  if (index < times.length) throw new Error(`the page showed ${index} of ${times.length} arrivals`);
  waits.sort((a, b) => a - b);
  const at = (share: number): number => waits[Math.min(waits.length - 1, Math.floor(waits.length * share))] ?? NaN;
  const longest = (of: Seen['tasks']): number => Math.round(Math.max(0, ...of.map(({ ms }) => ms)));
  return {
    events: times.length,
    ...{ p50Ms: at(0.5), p99Ms: at(0.99), maxMs: at(1) },
    longestTaskAtStartMs: longest(tasks.filter((task) => task.at < began)),
    longestTaskMs: longest(tasks.filter((task) => task.at >= began)),
  };
}
