/**
 * Makes docs/images/board-*.png, light and dark: of a board whose organization is made up, in Chromium (CHROMIUM_PATH,
 * or where Debian has it). `npm run build` first.
 */
import { spawnSync } from 'node:child_process';
import { createRequire } from 'node:module';
import { chromium } from 'playwright-core';

const load = createRequire(import.meta.url);
const { transformFileSync } = load('@swc/core');
const jsc = { parser: { syntax: 'typescript' }, target: 'es2023' };
load.extensions['.ts'] = (module, file) =>
  module._compile(transformFileSync(file, { jsc, module: { type: 'commonjs' }, swcrc: false }).code, file);
const { startMadeUpBoard } = load('../test/support/board/made-up-board.ts');

const SETTLE_MS = 2_500;
const board = await startMadeUpBoard({ queues: 14, conversations: 90, changesPerSecond: 0, seed: 7 });
const executablePath = process.env['CHROMIUM_PATH'] ?? '/usr/bin/chromium';
const browser = await chromium.launch({ executablePath, args: ['--no-sandbox'] });
const views = {
  'board-overview': async () => undefined,
  'board-queue': async (page) => {
    await page.locator('tr[data-queue] a').first().click();
    await page.locator('.chart canvas').nth(1).waitFor();
  },
};
for (const [name, go] of Object.entries(views)) {
  for (const colorScheme of ['light', 'dark']) {
    const context = await browser.newContext({ viewport: { width: 1200, height: 660 }, colorScheme, locale: 'en-GB' });
    const page = await context.newPage();
    await page.goto(board.url);
    await page.locator('tr[data-queue]').first().waitFor();
    await go(page);
    await page.waitForTimeout(SETTLE_MS);
    const path = `docs/images/${name}-${colorScheme}.png`;
    await page.screenshot({ path });
    // A screen has few colors: a palette makes the file a third. Without ImageMagick it stays as it is.
    spawnSync('convert', [path, '+dither', '-colors', '200', '-define', 'png:compression-level=9', `PNG8:${path}`]);
    await context.close();
  }
}
await browser.close();
await board.stop();
