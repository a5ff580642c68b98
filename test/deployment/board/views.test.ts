import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { afterAll, afterEach, beforeAll, describe, expect, test } from '@jest/globals';
import { packageRoot } from '../../../src/common';
import { BoardBrowser, DESKTOP, eventually, goTo, PHONE, serious, shown, total } from '../../support/board/browser';
import { startMadeUpBoard, type MadeUpBoard } from '../../support/board/made-up-board';

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

test('who wants less motion gets none', async () => {
  const page = await browser.visit('', { reducedMotion: 'reduce' });
  await shown(page, 'overview');
  const moving = `[...document.querySelectorAll('*')].filter((element) => {
    const { transitionDuration, animationName } = getComputedStyle(element);
    return transitionDuration !== '0s' || animationName !== 'none';
  }).length`;
  expect(await page.evaluate(moving)).toBe(0);
});

test('of 5,000 queues the page holds those in sight, and finds every one', async () => {
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

test('the page is under 150 KB compressed', () => {
  const folder = join(packageRoot(), 'dist', 'board', 'page', 'assets');
  const bytes = readdirSync(folder).reduce((sum, name) => sum + gzipSync(readFileSync(join(folder, name))).length, 0);
  expect(bytes).toBeGreaterThan(10_000);
  expect(bytes).toBeLessThan(150_000);
});
