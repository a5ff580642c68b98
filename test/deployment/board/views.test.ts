import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { afterAll, afterEach, beforeAll, describe, expect, test } from '@jest/globals';
import { packageRoot } from '../../../src/common';
import { BoardBrowser, DESKTOP, eventually, goTo, PHONE, serious, shown, total } from '../../support/board/browser';
import { startMadeUpBoard, tooBusy, type MadeUpBoard } from '../../support/board/made-up-board';

/** Every view of the page, as different people and machines have it. */
let board: MadeUpBoard;
let large: MadeUpBoard;
let browser: BoardBrowser;
beforeAll(async () => {
  board = await startMadeUpBoard({ queues: 24, conversations: 60, changesPerSecond: 2, seed: 5 });
  browser = await BoardBrowser.start(board.url);
});
afterEach(async () => {
  expect(await browser.settle()).toEqual([]);
});
afterAll(async () => {
  await browser.close();
  await board.stop();
});

const VIEWS = ['overview', 'queue', 'conversation', 'wall'] as const;
const LOOKS = [
  ['light', { ...DESKTOP, colorScheme: 'light' }],
  ['dark', { ...DESKTOP, colorScheme: 'dark' }],
  ['on a phone', { ...PHONE, colorScheme: 'light' }],
] as const;

describe.each(LOOKS)('%s', (_name, options) => {
  test('axe finds nothing serious in any view, in the past, in the settings or in the help', async () => {
    const found: string[] = [];
    const look = async (name: string, page: Awaited<ReturnType<typeof browser.visit>>): Promise<void> => {
      found.push(...(await serious(page)).map((problem) => `${name}: ${problem}`));
    };
    for (const view of VIEWS) {
      const page = await browser.visit('', options);
      await shown(page, 'overview');
      await goTo(page, view);
      await look(view, page);
      // Nothing is wider than the screen.
      if (await page.evaluate('document.documentElement.scrollWidth > innerWidth')) found.push(`${view}: too wide`);
    }
    const page = await browser.visit('', options);
    await shown(page, 'overview');
    await page.keyboard.press('[');
    await page.locator('.freshness.past').waitFor();
    await look('past', page);
    for (const name of ['Settings', 'Help']) {
      await page.getByRole('button', { name, exact: true }).click();
      await page.getByRole('dialog', { name }).waitFor();
      await look(name, page);
      await page.getByRole('button', { name: 'Close' }).click();
    }
    expect(found).toEqual([]);
  });
});

test('numbers and times are the reader’s: language and time zone of the browser', async () => {
  const page = await browser.visit('', { locale: 'de-DE', timezoneId: 'America/New_York' });
  await shown(page, 'overview');
  const timeZone = 'America/New_York';
  const at = 1_000 * Math.floor(Date.now() / 1_000) - 120_000;
  // What a field for local times holds.
  await page.locator('#instant').fill(new Date(at).toLocaleString('sv-SE', { timeZone }).replace(' ', 'T'));
  const format = new Intl.DateTimeFormat('de-DE', { dateStyle: 'medium', timeStyle: 'medium', timeZone });
  await page.locator('.freshness.past', { hasText: `As it was on ${format.format(at)}` }).waitFor();
  await page.locator('#slider').focus();
  await page.keyboard.press('l');
  await page.locator('.freshness.live').waitFor();
  await eventually(async () => {
    const offered = board.picture.lines(0).reduce((sum, { day }) => sum + day.offered, 0);
    expect(offered).toBeGreaterThan(999);
    expect(await total(page, 'Offered today')).toBe(new Intl.NumberFormat('de-DE').format(offered));
  });
});

test('across both changes of the clock no hour of the past is lost, and the page tells two equal hours apart', async () => {
  const summer = await startMadeUpBoard({
    ...{ queues: 3, conversations: 30, changesPerSecond: 0, seed: 3, oldest: Date.UTC(2024, 2, 1) },
  });
  const of = await BoardBrowser.start(summer.url);
  try {
    const page = await of.visit('', { timezoneId: 'Europe/Berlin' });
    await page.locator('#slider').waitFor();
    const field = page.locator('#instant');
    const shows = async (at: number, text: string, local: string): Promise<void> => {
      await page
        .locator('.freshness.past', { hasText: new RegExp(`^As it was on ${text.replaceAll(' ', '\\s')}$`) })
        .waitFor();
      expect([await page.locator('#slider').inputValue(), await field.inputValue()]).toEqual([String(at), local]);
    };
    const change = Date.UTC(2024, 2, 31, 1);
    await field.fill('2024-03-31T01:59:30');
    await shows(change - 30_000, 'Mar 31, 2024, 1:59:30 AM', '2024-03-31T01:59:30');
    await page.getByRole('button', { name: '+1 min' }).click();
    await shows(change + 30_000, 'Mar 31, 2024, 3:00:30 AM', '2024-03-31T03:00:30');
    await page.getByRole('button', { name: '−1 min' }).click();
    await shows(change - 30_000, 'Mar 31, 2024, 1:59:30 AM', '2024-03-31T01:59:30');
    // Nobody's clock showed this time.
    await field.fill('2024-03-31T02:30:10');
    await shows(change + 1_810_000, 'Mar 31, 2024, 3:30:10 AM', '2024-03-31T03:30:10');

    const first = Date.UTC(2024, 9, 27, 0, 30, 10);
    await field.fill('2024-10-27T02:30:10');
    await shows(first, 'Oct 27, 2024, 2:30:10 AM GMT\\+2', '2024-10-27T02:30:10');
    await page.locator('#slider').focus();
    await page.keyboard.press('}');
    await shows(first + 3_600_000, 'Oct 27, 2024, 2:30:10 AM GMT\\+1', '2024-10-27T02:30:10');
    // Whoever corrects the minutes stays in that hour.
    await field.fill('2024-10-27T02:45:10');
    await shows(first + 4_500_000, 'Oct 27, 2024, 2:45:10 AM GMT\\+1', '2024-10-27T02:45:10');
    expect(await of.settle()).toEqual([]);
  } finally {
    await of.close();
    await summer.stop();
  }
});

test('the page asks a busy board about the past again only after the time that the board names', async () => {
  let isBusy = true;
  const asked: number[] = [];
  const rowsAt = (): Promise<[]> => {
    asked.push(performance.now());
    if (isBusy) throw tooBusy('Many others look into the past.', 3);
    return Promise.resolve([]);
  };
  const busy = await startMadeUpBoard({
    ...{ queues: 3, conversations: 30, changesPerSecond: 0, seed: 4, history: { rowsAt } },
  });
  const of = await BoardBrowser.start(busy.url);
  try {
    const page = await of.visit();
    await page.locator('#slider').waitFor();
    // Each step of the playing past would ask.
    await page.getByRole('button', { name: 'Play 1×' }).click();
    await page.getByRole('alert').filter({ hasText: 'Many others look into the past.' }).waitFor();
    await eventually(() => expect(asked.length).toBeGreaterThan(2));
    isBusy = false;
    await page.locator('.freshness.past', { hasText: /^As it was on/ }).waitFor();
    await eventually(async () => expect(await page.getByRole('alert').count()).toBe(0));
    const waits = asked.slice(1, 4).map((at, index) => at - (asked[index] ?? 0));
    expect(Math.min(...waits.slice(0, 2))).toBeGreaterThan(2_900);
  } finally {
    await of.close();
    await busy.stop();
  }
});

test('who wants less motion gets none', async () => {
  const page = await browser.visit('', { reducedMotion: 'reduce' });
  await shown(page, 'overview');
  const moving = `[...document.querySelectorAll('*')].filter((element) => {
    const { transitionDuration, animationName } = getComputedStyle(element);
    return transitionDuration !== '0s' || animationName !== 'none';
  }).length`;
  expect(await page.evaluate(moving)).toBe(0);
});

test('of 5,000 queues the page holds only those in sight, and finds every one', async () => {
  large = await startMadeUpBoard({ queues: 5_000, conversations: 5_000, changesPerSecond: 50, seed: 1 });
  const of = await BoardBrowser.start(large.url);
  try {
    const page = await of.visit();
    await shown(page, 'overview');
    expect(await page.locator('table.queues').getAttribute('aria-rowcount')).toBe('5002');
    expect(await page.locator('tr[data-queue]').count()).toBeLessThan(50);
    await page.getByRole('region', { name: 'Table of queues' }).focus();
    await page.keyboard.press('End');
    await page.locator('tr[aria-rowindex="5002"]').waitFor();
    expect(await page.locator('tr[data-queue]').count()).toBeLessThan(50);
    const last = await page.locator('tr[aria-rowindex="5002"] a').innerText();
    await page.keyboard.press('/');
    await page.keyboard.type(last);
    await page.locator('tr[data-queue] a', { hasText: last }).first().waitFor();
    // The picture comes in many parts, and nobody sees less than all of it.
    await page.addInitScript(COUNT_ROWS);
    await page.reload();
    await shown(page, 'overview');
    const counts = await page.evaluate<string[]>('[...rowCounts]');
    expect(counts.filter((count) => count !== '2')).toEqual(['5002']);
    // The past comes in one answer, is counted in parts, and is shown as a whole, too.
    await page.keyboard.press('[');
    await page.locator('.freshness.past', { hasText: 'As it was' }).waitFor();
    await eventually(async () => {
      const rows = Number(await page.locator('table.queues').getAttribute('aria-rowcount'));
      const { lines } = (await (await fetch(`${large.url}/api/queues?at=${Date.now()}`)).json()) as Lines;
      expect(rows).toBe(2 + new Set(lines.map(({ queueId }) => queueId)).size);
    });
    expect(await of.settle()).toEqual([]);
  } finally {
    await of.close();
    await large.stop();
  }
});

test('of 5,000 waiting customers the page holds only those in sight, and shows every one', async () => {
  const crowded = await startMadeUpBoard({ queues: 2, conversations: 1, changesPerSecond: 0, seed: 1 });
  const of = await BoardBrowser.start(crowded.url);
  try {
    const began = Date.now() - 10_000_000;
    const came = Array.from({ length: 5_000 }, (_, index) => ({
      ...{ ...crowded.newRow('q1'), queue_connected_time: began + index * 1_000 },
    }));
    for (const row of came) crowded.picture.upsertRow(row);
    const [first, last] = [came.at(0)?.conversation_id ?? '', came.at(-1)?.conversation_id ?? ''];
    const page = await of.visit('#/queue/q1');
    await page.addInitScript(COUNT_CONVERSATIONS);
    await page.reload();
    await page.locator(`[data-conversation="${first}"][aria-rowindex="2"]`).waitFor();
    expect(await page.locator('[data-conversation]').count()).toBeLessThan(80);
    // They come in many parts, and nobody sees less than all of them.
    const counts = (await page.evaluate<string[]>('[...rowCounts]')).map(Number);
    expect(Math.min(...counts)).toBeGreaterThanOrEqual(5_001);
    await page.evaluate(`document.querySelector('main').scrollTop = 1e9`);
    await page.locator(`[data-conversation="${last}"]`).waitFor();
    expect(await page.locator('[data-conversation]').count()).toBeLessThan(80);
    // One who is answered moves to those who talk, behind all who wait.
    const [answered] = came;
    if (answered === undefined) throw new Error('nobody came');
    crowded.picture.upsertRow({ ...answered, purpose: 'agent', state: 'connected', user_id: 'u1', waiting: false });
    await page.locator(`[data-conversation="${first}"]:not(.waits)`).waitFor();
    expect(await of.settle()).toEqual([]);
  } finally {
    await of.close();
    await crowded.stop();
  }
});

test('names are text, whatever they say', async () => {
  const evil = '<img src=x onerror="window.evil=1">"\'><script>window.evil=2</script>{{7*7}}\u202e';
  const hostile = await startMadeUpBoard({
    ...{ queues: 3, conversations: 30, changesPerSecond: 2, seed: 1 },
    names: { of: (kind, id) => `${evil}${kind} ${id}` },
  });
  const of = await BoardBrowser.start(hostile.url);
  try {
    for (const view of VIEWS) {
      const page = await of.visit();
      await shown(page, 'overview');
      await goTo(page, view);
      await page.keyboard.press('[');
      await page.locator('.freshness.past').waitFor();
      expect(
        await page.evaluate('[window.evil, document.querySelectorAll("#board img, #board script").length]'),
      ).toEqual([...[undefined, 0]]);
      expect(await page.locator('body').innerText()).toContain('onerror=');
    }
    // Nor what somebody puts into the address.
    const page = await of.visit(`?wall=${encodeURIComponent(evil)}#/queue/${encodeURIComponent(evil)}`);
    await page.locator('main.queue h1', { hasText: 'onerror=' }).waitFor();
    expect(await page.evaluate('[window.evil, document.querySelectorAll("#board img").length]')).toEqual([
      undefined,
      0,
    ]);
    expect(await of.settle()).toEqual([]);
  } finally {
    await of.close();
    await hostile.stop();
  }
});

interface Lines {
  readonly lines: readonly { readonly queueId: string }[];
}

/** A text, because the tests' types know no browser. Nothing changes between two frames but what a frame shows. */
const COUNT_ROWS = `
  globalThis.rowCounts = new Set();
  const look = () => {
    const table = document.querySelector('table.queues');
    if (table !== null) rowCounts.add(table.getAttribute('aria-rowcount'));
    requestAnimationFrame(look);
  };
  look();
`;

/** As above, of the conversations of a queue. */
const COUNT_CONVERSATIONS = COUNT_ROWS.replace('table.queues', 'table.list');

test('where there is nothing to see, the page says why, and leads to something', async () => {
  const empty = await startMadeUpBoard({ queues: 0, conversations: 0, changesPerSecond: 0, seed: 1 });
  const of = await BoardBrowser.start(empty.url);
  try {
    for (const path of ['', '?wall=1']) {
      const page = await of.visit(path);
      await page.getByText('No queue has had a conversation today. A queue appears with its first one.').waitFor();
      await page.keyboard.press('[');
      await page.getByText('No queue had a conversation on that day until then.').waitFor();
      expect(await serious(page)).toEqual([]);
    }
    expect(await of.settle()).toEqual([]);
  } finally {
    await of.close();
    await empty.stop();
  }
  const page = await browser.visit();
  await shown(page, 'overview');
  await page.getByLabel('Medium').selectOption('Email');
  await page.getByRole('searchbox').fill('nothing of the kind');
  await page
    .getByText('No queue has “nothing of the kind” in its name and conversations of the medium Email.')
    .waitFor();
  await page.getByRole('button', { name: 'Show all queues' }).click();
  await shown(page, 'overview');
  expect(await page.getByLabel('Medium').inputValue()).toBe('');
});

test('a page that stays open learns how far back the past reaches', async () => {
  const page = await browser.visit();
  await page.clock.install();
  await page.reload();
  await page.locator('#slider').waitFor();
  const oldest = async (): Promise<number> => Number(await page.locator('#slider').getAttribute('min'));
  const before = await oldest();
  await page.clock.fastForward('00:11:00');
  // The made-up past begins nine days before now.
  await eventually(async () => expect(await oldest()).toBeGreaterThan(before));
});

test('the page is under 150 KB compressed', () => {
  const folder = join(packageRoot(), 'dist', 'board', 'page', 'assets');
  const bytes = readdirSync(folder).reduce((sum, name) => sum + gzipSync(readFileSync(join(folder, name))).length, 0);
  expect(bytes).toBeGreaterThan(10_000);
  expect(bytes).toBeLessThan(150_000);
});
