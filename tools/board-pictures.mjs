/**
 * Makes docs/images/board-*.png: a board that runs (its address is the argument, as `queuefold start` prints it), in
 * Chromium (CHROMIUM_PATH, or where Debian has it).
 */
import { chromium } from 'playwright-core';

const [address] = process.argv.slice(2);
if (address === undefined)
  throw new Error('Give the address of a board: node tools/board-pictures.mjs http://127.0.0.1:8090');
const executablePath = process.env['CHROMIUM_PATH'] ?? '/usr/bin/chromium';
const browser = await chromium.launch({ executablePath, args: ['--no-sandbox'] });
const pictures = [
  { name: 'board-overview', colorScheme: 'light', go: async () => undefined },
  {
    name: 'board-queue',
    colorScheme: 'dark',
    go: async (page) => {
      await page.locator('tbody tr[data-queue] a').first().click();
      await page.locator('[data-conversation]').first().waitFor();
    },
  },
];
for (const { name, colorScheme, go } of pictures) {
  const context = await browser.newContext({ viewport: { width: 1200, height: 620 }, colorScheme, locale: 'en-US' });
  const page = await context.newPage();
  await page.goto(address);
  await page.locator('tbody tr[data-queue]').first().waitFor();
  await go(page);
  await page.waitForTimeout(1_500);
  await page.screenshot({ path: `docs/images/${name}.png` });
  await context.close();
}
await browser.close();
