import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Browser, BrowserContextOptions, Page } from 'playwright-core';
import { startChromium } from '../deployment/chromium';

const AXE = readFileSync(createRequire(__filename).resolve('axe-core/axe.min.js'), 'utf8');

const HERE: BrowserContextOptions = { locale: 'en-US', timezoneId: 'UTC' };
export const DESKTOP: BrowserContextOptions = { viewport: { width: 1280, height: 800 }, ...HERE };
export const PHONE: BrowserContextOptions = {
  ...{ viewport: { width: 390, height: 844 }, hasTouch: true, isMobile: true, ...HERE },
};

/** Pages of one board, and the things that must not happen on any of them. */
export class BoardBrowser {
  readonly #errors: string[] = [];
  readonly #pages: Page[] = [];

  private constructor(
    private readonly browser: Browser,
    private readonly board: string,
  ) {}

  static async start(board: string): Promise<BoardBrowser> {
    return new BoardBrowser(await startChromium(), board);
  }

  async visit(path = '', options: BrowserContextOptions = {}): Promise<Page> {
    const context = await this.browser.newContext({ ...DESKTOP, ...options });
    const page = await context.newPage();
    this.#pages.push(page);
    page.setDefaultTimeout(60_000);
    page.on('pageerror', (error) => this.#errors.push(String(error)));
    page.on('request', (request) => {
      const isOwn = request.url().startsWith(`${this.board}/`) || request.url().startsWith('data:');
      if (!isOwn) this.#errors.push(`asked ${request.url()}`);
    });
    await page.goto(`${this.board}/${path}`);
    return page;
  }

  /** Closes the pages. @returns the pages' errors, and requests that left the board's origin */
  async settle(): Promise<readonly string[]> {
    for (const page of this.#pages.splice(0)) await page.context().close();
    return this.#errors.splice(0);
  }

  close(): Promise<void> {
    return this.browser.close();
  }
}

/** Problems that axe finds and that keep somebody from reading or using the page. */
export async function serious(page: Page): Promise<readonly string[]> {
  await page.evaluate(AXE);
  const found = await page.evaluate(async () => {
    const { axe } = globalThis as unknown as {
      axe: { run(): Promise<{ violations: { id: string; impact: string; nodes: { html: string }[] }[] }> };
    };
    return (await axe.run()).violations.map(({ id, impact, nodes }) => `${impact}: ${id}: ${nodes[0]?.html ?? ''}`);
  });
  return found.filter((each) => /^(serious|critical)/.test(each));
}

const SOON_MS = 60_000;

/** Waits until it holds; the duration does not matter here. */
export async function eventually(holds: () => Promise<void> | void, limitMs = SOON_MS): Promise<void> {
  for (const end = Date.now() + limitMs; ;) {
    try {
      await holds();
      return;
    } catch (error) {
      if (Date.now() > end) throw error;
      await sleep(200);
    }
  }
}

/** Waits until no sheet, transition or reading is under way. */
export async function shown(page: Page, view: View): Promise<void> {
  await page.locator(READY[view]).first().waitFor();
}

export type View = 'overview' | 'queue' | 'conversation' | 'wall';
const READY: Readonly<Record<View, string>> = {
  overview: 'tr[data-queue]',
  queue: '[data-conversation]',
  conversation: '.lanes .bar',
  wall: '.tile',
};

/** Starts at the overview, as people do. */
export async function goTo(page: Page, view: View): Promise<void> {
  if (view === 'wall') await page.goto(new URL('?wall=1', page.url()).href);
  else if (view !== 'overview') {
    await page.locator('tr[data-queue] a').first().click();
    await shown(page, 'queue');
    if (view === 'conversation') await page.locator('[data-conversation] a').first().click();
  }
  await shown(page, view);
}

/** A column's content in the overview, by queue id, read at one moment. */
export async function column(page: Page, name: string): Promise<ReadonlyMap<string, number>> {
  const cells = await page.evaluate<[string, string][]>(
    `[...document.querySelectorAll('tr[data-queue]')].map((row) => [
      row.dataset.queue, row.querySelector('[data-column="${name}"] .value').textContent])`,
  );
  return new Map(cells.map(([queue, text]) => [queue, Number(text)]));
}

export const total = (page: Page, name: string): Promise<string> =>
  page.locator(`[data-total="${name}"] dd .value`).innerText();
export const freshness = (page: Page): Promise<string> => page.locator('.freshness').innerText();
