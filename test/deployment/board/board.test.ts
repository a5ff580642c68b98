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
  page.setDefaultTimeout(SOON_MS);
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
    await page.locator('.freshness.live').waitFor();
    await page
      .locator('tbody tr[data-queue] a', { hasText: /^Queue \d/ })
      .first()
      .waitFor();
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

    // Queues come while this test looks, so nothing of one look holds for the next one.
    await page.getByRole('button', { name: /^Queue$/ }).click();
    const names = () => rows.locator('th a').allInnerTexts();
    const byName = (a: string, b: string): number => a.localeCompare(b, 'en', { numeric: true });
    await eventually(async () => {
      const shown = await names();
      expect(shown).toEqual(shown.toSorted(byName));
    });
    const last = (await names()).at(-1) ?? '';
    await page.getByRole('button', { name: `Pin ${last}`, exact: true }).click();
    await eventually(async () => expect((await names())[0]).toBe(last));
    await page.reload();
    await eventually(async () => expect((await names())[0]).toBe(last));

    await page.getByLabel('Medium').selectOption('Voice');
    const voice = async (): Promise<number> => {
      const { lines } = (await (await fetch(`${board}/api/queues`)).json()) as {
        readonly lines: readonly { readonly media: string | null; readonly day: { readonly offered: number } }[];
      };
      return lines.filter(({ media }) => media === 'Voice').reduce((sum, { day }) => sum + day.offered, 0);
    };
    await eventually(async () => {
      const before = await voice();
      const shown = Number.parseInt(await total(page, 'Offered today'), 10);
      expect(shown).toBeGreaterThan(0);
      expect([before, await voice()]).toContain(shown);
    });
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
  // In one look, because the rows move. Those for whom an agent's phone rings still wait.
  const waits = await page.evaluate<boolean[]>(
    `[...document.querySelectorAll('[data-conversation]')].map((row) => row.classList.contains('waits'))`,
  );
  expect(waits).toEqual(waits.toSorted((a, b) => Number(b) - Number(a)));
  await page.locator('.chart canvas').first().waitFor();
  const answers = await page.evaluate(async () => (await fetch('api/queues')).text());
  let numbers: readonly string[] = [];
  await eventually(async () => {
    numbers = (await truth()).conversations.flatMap(({ ani }) => (ani === null ? [] : [ani]));
    expect(numbers.length).toBeGreaterThan(0);
  });
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
  await page.locator('#instant').waitFor();
  const { oldest } = (await (await fetch(`${board}/api/about`)).json()) as { oldest: number };
  // The sink may still be writing what was a moment ago. So we ask again, for an instant that is longer over.
  await eventually(async () => {
    const at = 1_000 * Math.ceil((oldest + (Date.now() - oldest) / 4) / 1_000);
    // In the field of the instant it would be a letter.
    await page.locator('#slider').press('l');
    await page.locator('#instant').fill(new Date(at).toISOString().slice(0, 19));
    await page.locator('.freshness.past', { hasText: /^As it was/ }).waitFor();
    const { lines } = (await (await fetch(`${board}/api/queues?at=${at}`)).json()) as {
      lines: readonly { live: { waiting: number } }[];
    };
    const waiting = lines.reduce((sum, { live }) => sum + live.waiting, 0);
    expect(waiting).toBeGreaterThan(0);
    expect(Number.parseInt(await total(page, 'Waiting'), 10)).toBe(waiting);
  });
  await page.getByRole('button', { name: '60×' }).click();
  await page.locator('.freshness.live').waitFor();
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
  await page.locator('.board.gray .freshness', { hasText: /Not current since .*\d:\d\d/ }).waitFor();
  program.kill('SIGCONT');
  await page.locator('.board:not(.gray) .freshness.live').waitFor();
});

test('the wall fits its screen and shows the clock', async () => {
  const page = await visit('?wall=1', { colorScheme: 'dark', viewport: { width: 1920, height: 1080 } });
  await page.locator('.tile').first().waitFor();
  expect(await page.locator('.clock time').innerText()).toMatch(/\d:\d\d/);
  // A text, because the tests' types know no browser.
  expect(await page.evaluate('document.documentElement.scrollHeight > innerHeight')).toBe(false);
  expect(await serious(page)).toEqual([]);
});
