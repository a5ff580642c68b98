import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, test } from '@jest/globals';
import type { Browser, BrowserContextOptions, Page } from 'playwright-core';
import { packageRoot } from '../../../src/common';
import type { Truth } from '../../../src/simulator';
import { startChromium } from '../../support/deployment/chromium';

/** The board of `queuefold start` in a real browser, against the simulated organization. */
const AXE = readFileSync(createRequire(__filename).resolve('axe-core/axe.min.js'), 'utf8');
const SOON_MS = 60_000;

const dataDir = mkdtempSync(join(tmpdir(), 'queuefold-board-'));
let program: ChildProcess;
let browser: Browser;
let board = '';
let truthUrl = '';
const errors: string[] = [];
const open: Page[] = [];

beforeAll(async () => {
  program = spawn(
    process.execPath,
    [join(packageRoot(), 'bin', 'queuefold.js'), 'start', '--log', 'memory', '--rate', '3', '--agents', '8'],
    {
      env: { PATH: process.env['PATH'], HOME: process.env['HOME'], DATA_DIR: dataDir, HTTP_PORT: '0', TZ: 'UTC' },
      stdio: ['ignore', 'ignore', 'pipe'],
    },
  );
  let said = '';
  program.stderr?.setEncoding('utf8').on('data', (text: string) => (said += text));
  await eventually(() => {
    if (program.exitCode !== null) throw new Error(`start has ended: ${said}`);
    board = /^Board\s+(\S+)$/m.exec(said)?.[1] ?? '';
    truthUrl = /simulated: (\S+)/.exec(said)?.[1] ?? '';
    expect(truthUrl).not.toBe('');
    return Promise.resolve();
  });
  browser = await startChromium();
});
afterEach(async () => {
  for (const page of open.splice(0)) await page.context().close();
  expect(errors.splice(0)).toEqual([]);
});
afterAll(async () => {
  await browser.close();
  const ended = once(program, 'exit');
  program.kill('SIGTERM');
  await ended;
  rmSync(dataDir, { recursive: true, force: true });
});

/** Until it holds: how long that takes is no question here. */
async function eventually(holds: () => Promise<void>): Promise<void> {
  for (const end = Date.now() + SOON_MS; ;) {
    try {
      await holds();
      return;
    } catch (error) {
      if (Date.now() > end || program.exitCode !== null) throw error;
      await new Promise((resolve) => setTimeout(resolve, 200));
    }
  }
}

async function visit(path = '', options: BrowserContextOptions = {}): Promise<Page> {
  const context = await browser.newContext({ viewport: { width: 1280, height: 800 }, locale: 'en-US', ...options });
  const page = await context.newPage();
  open.push(page);
  page.on('pageerror', (error) => errors.push(String(error)));
  page.on('request', (request) => {
    if (!request.url().startsWith(board) && !request.url().startsWith('data:')) errors.push(`asked ${request.url()}`);
  });
  await page.goto(`${board}/${path}`);
  return page;
}

const total = (page: Page, name: string) => page.locator(`[data-total="${name}"] dd`).innerText();
const truth = async (): Promise<Truth> => (await fetch(truthUrl)).json() as Promise<Truth>;

/** What axe finds that keeps somebody from reading or using the page. */
async function serious(page: Page): Promise<readonly string[]> {
  await page.evaluate(AXE);
  const found = await page.evaluate(async () => {
    const { axe } = globalThis as unknown as {
      axe: { run(): Promise<{ violations: { id: string; impact: string }[] }> };
    };
    return (await axe.run()).violations.map(({ id, impact }) => `${impact}: ${id}`);
  });
  return found.filter((each) => /^(serious|critical)/.test(each));
}

describe('the overview', () => {
  test('shows what the organization knows, while conversations go on', async () => {
    const page = await visit();
    await page.locator('tbody tr[data-queue]').first().waitFor();
    await eventually(async () => {
      const { conversations } = await truth();
      const waiting = conversations.filter((each) => each.waiting).length;
      expect(waiting).toBeGreaterThan(0);
      const shown = Number.parseInt(await total(page, 'Waiting'), 10);
      const after = (await truth()).conversations.filter((each) => each.waiting).length;
      // Between two looks of ours the truth goes on.
      expect([waiting, after]).toContain(shown);
    });
    expect(await page.locator('.freshness').innerText()).toMatch(/^Live/);
    expect(await page.locator('tbody tr[data-queue] a').first().innerText()).toMatch(/^Queue \d/);
  });

  test('is searched, sorted, pinned and filtered, by mouse and by keyboard', async () => {
    const page = await visit();
    const rows = page.locator('tbody tr[data-queue]');
    await rows.first().waitFor();
    await page.keyboard.press('/');
    await page.keyboard.type('Queue 1');
    await eventually(async () => expect(await rows.count()).toBe(1));
    await page.keyboard.press('Escape');
    await eventually(async () => expect(await rows.count()).toBeGreaterThan(1));

    await page.getByRole('button', { name: /^Queue$/ }).click();
    const names = await rows.locator('th a').allInnerTexts();
    expect(names).toEqual(names.toSorted((a, b) => a.localeCompare(b, 'en')));
    await rows.nth(1).getByRole('button').click();
    await eventually(async () => expect(await rows.first().locator('th a').innerText()).toBe(names[1]));
    await page.reload();
    await rows.first().waitFor();
    expect(await rows.first().locator('th a').innerText()).toBe(names[1]);

    const all = Number.parseInt(await total(page, 'Talking'), 10);
    await page.getByLabel('Medium').selectOption('Voice');
    await eventually(async () =>
      expect(Number.parseInt(await total(page, 'Talking'), 10)).toBeLessThanOrEqual(all + 5),
    );
  });

  test.each([
    ['light', {}],
    ['dark', {}],
    ['light', { viewport: { width: 390, height: 800 }, hasTouch: true, isMobile: true }],
  ] as const)('keeps nobody from reading it: %s %j', async (colorScheme, options) => {
    const page = await visit('', { colorScheme, ...options });
    await page.locator('tbody tr[data-queue]').first().waitFor();
    expect(await serious(page)).toEqual([]);
    await page.locator('tbody tr[data-queue] a').first().click();
    await page.getByRole('heading', { level: 1 }).waitFor();
    expect(await serious(page)).toEqual([]);
  });
});

test('a queue shows its conversations, those who wait first, and no number of a caller', async () => {
  const page = await visit();
  await page.locator('tbody tr[data-queue] a').first().click();
  const rows = page.locator('[data-conversation]');
  await rows.first().waitFor();
  const states = await rows.locator('.state').allInnerTexts();
  const waits = states.map((state) => state.startsWith('waiting'));
  expect(waits).toEqual(waits.toSorted((a, b) => Number(b) - Number(a)));
  await page.locator('.chart canvas').first().waitFor();
  const answers = await page.evaluate(async () => (await fetch('api/queues')).text());
  const { conversations } = await truth();
  const numbers = conversations.flatMap(({ ani }) => (ani === null ? [] : [ani]));
  expect(numbers.length).toBeGreaterThan(0);
  const html = await page.content();
  for (const number of numbers) expect(html + answers).not.toContain(number);
});

test('a conversation shows its life in lanes', async () => {
  const page = await visit();
  await page.locator('tbody tr[data-queue] a').first().click();
  await page.locator('[data-conversation] a').first().click();
  await page.locator('.lanes .bar').first().waitFor();
  expect(await page.locator('.lanes .name span').first().textContent()).toBe('Customer');
  expect(await serious(page)).toEqual([]);
});

test('time travel shows the table as it was, and one key leads back', async () => {
  const page = await visit();
  await page.locator('tbody tr[data-queue]').first().waitFor();
  const { oldest } = (await (await fetch(`${board}/api/about`)).json()) as { oldest: number };
  // The history grows meanwhile; this instant is over.
  await eventually(async () => expect((await truth()).conversations.length).toBeGreaterThan(5));
  const at = oldest + Math.floor((Date.now() - oldest) / 2);
  await page.locator('#instant').fill(new Date(at).toISOString().slice(0, 19));
  await page.locator('.freshness.past').waitFor();
  const instant = Math.floor(at / 1_000) * 1_000;
  const { lines } = (await (await fetch(`${board}/api/queues?at=${instant}`)).json()) as {
    lines: readonly { live: { waiting: number } }[];
  };
  const waiting = lines.reduce((sum, { live }) => sum + live.waiting, 0);
  await eventually(async () => expect(Number.parseInt(await total(page, 'Waiting'), 10)).toBe(waiting));
  await page.getByRole('button', { name: '60×' }).click();
  await eventually(async () => expect(await page.locator('.freshness').innerText()).toMatch(/^Live/));
  await page.keyboard.press('[');
  await page.locator('.freshness.past').waitFor();
  await page.keyboard.press('l');
  await page.locator('.freshness.live').waitFor();
});

test('without the server the page turns gray and says since when; it comes back by itself', async () => {
  const page = await visit();
  await page.locator('.freshness.live').waitFor();
  program.kill('SIGSTOP');
  await page.locator('.freshness.stale').waitFor();
  expect(await page.locator('.freshness').innerText()).toMatch(/Not current since .*\d:\d\d/);
  expect(await page.locator('.board.gray').count()).toBe(1);
  program.kill('SIGCONT');
  await page.locator('.freshness.live').waitFor();
  expect(await page.locator('.board.gray').count()).toBe(0);
});

test('the wall fits its screen and shows the clock', async () => {
  const page = await visit('?wall=1', { colorScheme: 'dark', viewport: { width: 1920, height: 1080 } });
  await page.locator('.tile').first().waitFor();
  expect(await page.locator('.clock time').innerText()).toMatch(/\d:\d\d/);
  // A text, because the tests' types know no browser.
  expect(await page.evaluate('document.documentElement.scrollHeight > innerHeight')).toBe(false);
  expect(await serious(page)).toEqual([]);
});
