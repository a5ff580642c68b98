import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, expect, test } from '@jest/globals';
import type { Page } from 'playwright-core';
import { BoardBrowser, eventually, freshness, shown, total } from '../../support/board/browser';
import { startMadeUpBoard, type MadeUpBoard } from '../../support/board/made-up-board';
import { startStreamProxy, type StreamProxy } from '../../support/board/stream-proxy';

/** An old number is never shown as a current one, whatever happens between the page and the board. */
let board: MadeUpBoard;
let proxy: StreamProxy;
let browser: BoardBrowser;
beforeAll(async () => {
  board = await startMadeUpBoard({ queues: 5, conversations: 40, changesPerSecond: 0, seed: 3 });
  proxy = await startStreamProxy(board.url);
  browser = await BoardBrowser.start(proxy.url);
});
afterEach(async () => {
  proxy.release();
  expect(await browser.settle()).toEqual([]);
});
afterAll(async () => {
  await browser.close();
  await proxy.stop();
  await board.stop();
});

const waitsNow = (): number => board.picture.lines(0).reduce((sum, { live }) => sum + live.waiting, 0);
/** @returns how many wait then; the picture says so from its next turn on */
function moreWait(count: number): number {
  const before = waitsNow();
  for (let index = 0; index < count; index += 1) board.picture.upsertRow(board.newRow('q1'));
  return before + count;
}

async function live(page: Page): Promise<void> {
  await shown(page, 'overview');
  await page.locator('.freshness.live').waitFor();
}

/** What each drawn picture of the page says, from now on. */
async function record(page: Page): Promise<void> {
  await page.evaluate(`
    window.seen = [];
    const look = () => {
      window.seen.push({
        isGray: document.querySelector('.board.gray') !== null,
        waiting: Number(document.querySelector('[data-total="Waiting"] dd .value').textContent),
      });
      requestAnimationFrame(look);
    };
    look();
  `);
}
const seen = (page: Page) => page.evaluate<{ isGray: boolean; waiting: number }[]>('window.seen');

test('after a dropped connection the browser says what it has, and gets only what has changed', async () => {
  const page = await browser.visit();
  await live(page);
  const [before, fullBefore] = [proxy.streams.length, proxy.full.length];
  proxy.cut();
  await eventually(() => expect(proxy.streams.length).toBeGreaterThan(before));
  expect(proxy.streams.at(-1)).toMatch(/^made-up\.\d+$/);
  const waits = moreWait(2);
  await eventually(async () => expect(await total(page, 'Waiting')).toBe(String(waits)));
  expect(proxy.full.slice(fullBefore)).toContain(false);
  expect(proxy.full.slice(fullBefore)).not.toContain(true);
  await page.locator('.freshness.live').waitFor();
});

test('a tab that slept shows no old number as a current one when it wakes', async () => {
  const page = await browser.visit();
  await live(page);
  const before = waitsNow();
  expect(await total(page, 'Waiting')).toBe(String(before));
  await record(page);
  const session = await page.context().newCDPSession(page);
  await session.send('Page.setWebLifecycleState', { state: 'frozen' });
  const waits = moreWait(7);
  // Longer than what counts as sleep.
  await sleep(8_000);
  await page.evaluate('window.seen.length = 0').catch(() => undefined);
  await session.send('Page.setWebLifecycleState', { state: 'active' });
  await eventually(async () => expect(await total(page, 'Waiting')).toBe(String(waits)));
  await page.locator('.freshness.live').waitFor();
  const looks = await seen(page);
  expect(looks.filter(({ isGray, waiting }) => !isGray && waiting !== waits)).toEqual([]);
});

test('an hour later by the clock the page is gray at once, and then current with the same waits', async () => {
  const page = await browser.visit();
  await page.clock.install();
  await page.reload();
  await live(page);
  const streams = proxy.streams.length;
  await page.clock.fastForward('01:00:00');
  await eventually(() => expect(proxy.streams.length).toBeGreaterThan(streams));
  await page.locator('.freshness.live').waitFor();
  // The server's clock counts, so nobody waits for an hour longer.
  expect(await total(page, 'Longest wait')).toMatch(/^[▲●]?\d{1,2}:\d\d$/);
});

test.each([-1, 1])(
  'a browser whose clock is %d hours off shows the waits of the board’s clock, at every moment',
  async (hours) => {
    const page = await browser.visit();
    // Before the first script of the page.
    await page.addInitScript(`
    const real = Date.now;
    Date.now = () => real.call(Date) + ${hours * 3_600_000};
    window.waits = [];
    const look = () => {
      const wait = document.querySelector('[data-total="Longest wait"] dd time');
      if (wait !== null) window.waits.push(wait.textContent);
      requestAnimationFrame(look);
    };
    look();
  `);
    await page.reload();
    await live(page);
    const oldest = Math.min(...board.picture.lines(0).map(({ live: { oldestWaitingSince: at } }) => at ?? Infinity));
    const seconds = (text: string): number => text.split(':').reduce((sum, part) => 60 * sum + Number(part), 0);
    const before = Date.now();
    const shownWait = seconds((await total(page, 'Longest wait')).replace(/[▲●]/, ''));
    expect(shownWait).toBeGreaterThanOrEqual((before - oldest) / 1_000 - 30);
    expect(shownWait).toBeLessThanOrEqual((Date.now() - oldest) / 1_000 + 1);
    const waits = (await page.evaluate<string[]>('window.waits')).map(seconds);
    expect(waits.length).toBeGreaterThan(0);
    expect(Math.min(...waits)).toBeGreaterThan(0);
    expect(Math.max(...waits)).toBeLessThanOrEqual((Date.now() - oldest) / 1_000 + 1);
  },
);

test('the page does not take a delayed stream for current, also while old beats arrive', async () => {
  const page = await browser.visit();
  await live(page);
  proxy.hold();
  await page.locator('.freshness.stale').waitFor();
  expect(await freshness(page)).toMatch(/^Not current since \d+:\d\d:\d\d.*: the board’s server does not answer$/);
  expect(await page.locator('.board.gray').count()).toBe(1);
  const wait = await total(page, 'Longest wait');
  await sleep(1_500);
  // It stands still with the picture.
  expect(await total(page, 'Longest wait')).toBe(wait);
  proxy.release();
  await page.locator('.freshness.live').waitFor();
});

test('without a network the page turns gray, says since when, and comes back by itself', async () => {
  const page = await browser.visit();
  await live(page);
  await page.context().setOffline(true);
  proxy.cut();
  await page.locator('.freshness.stale').waitFor();
  const waits = moreWait(3);
  await page.keyboard.press('[');
  await page.locator('footer [role="alert"]').waitFor();
  expect(await page.locator('footer [role="alert"]').innerText()).toBe('The board’s server does not answer.');
  await page.keyboard.press('l');
  await page.context().setOffline(false);
  await page.locator('.freshness.live').waitFor();
  expect(await total(page, 'Waiting')).toBe(String(waits));
});
