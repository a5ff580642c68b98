import { afterAll, afterEach, beforeAll, describe, expect, test } from '@jest/globals';
import type { Page } from 'playwright-core';
import type { TruthRow } from '../../../src/simulator';
import { BoardBrowser, column, eventually, serious, shown, total } from '../../support/board/browser';
import { startWholeBoard, type WholeBoard } from '../../support/board/whole-board';

/**
 * The board of `queuefold start` in a real browser, against Kafka, ClickHouse and the simulated organization. The page
 * moves, so each look asks again until it holds, and nothing of one look holds for the next one.
 */
let board: WholeBoard;
let browser: BoardBrowser;
beforeAll(async () => {
  board = await startWholeBoard();
  browser = await BoardBrowser.start(board.url);
});
afterEach(async () => {
  board.check();
  expect(await browser.settle()).toEqual([]);
});
afterAll(async () => {
  // Where the board did not start, that is what has to be said.
  await (browser as BoardBrowser | undefined)?.close();
  await (board as WholeBoard | undefined)?.stop();
});

/** Kafka, its clients and every role come back, each with its own pauses. */
const BACK_MS = 240_000;
const LIVE = '.board:not(.gray) .freshness.live';

const RINGING = new Set(['alerting', 'contacting', 'dialing', 'offering']);
/** What says whom a row counts as. */
type Counted = Pick<TruthRow, 'queue_id' | 'purpose' | 'state' | 'waiting'>;

const waits = ({ waiting }: Counted): boolean => waiting;
const rings = (row: Counted): boolean => row.waiting && row.purpose === 'agent' && RINGING.has(row.state ?? '');
const talks = ({ purpose, state }: Counted): boolean =>
  (purpose === 'agent' || purpose === 'user') && state === 'connected';

/** The browser and Node.js differ in the spaces of their times. */
const plain = (text: string): string => text.replace(/\s/g, ' ');

/** How many of each queue there are. A queue without any is left out. */
async function counted(counts: (row: TruthRow) => boolean): Promise<ReadonlyMap<string, number>> {
  const { conversations } = await board.truth();
  const found = new Map<string, number>();
  for (const row of conversations) if (counts(row)) found.set(row.queue_id, (found.get(row.queue_id) ?? 0) + 1);
  return found;
}
const known = (of: ReadonlyMap<string, number>): ReadonlyMap<string, number> =>
  new Map([...of].filter(([, count]) => count > 0));

async function overview(path = '', options = {}): Promise<Page> {
  const page = await browser.visit(path, options);
  await shown(page, 'overview');
  await page.locator(LIVE).waitFor();
  return page;
}

/** Of all queues, in every column that counts people. */
async function equalsTruth(page: Page): Promise<void> {
  expect(known(await column(page, 'waiting'))).toEqual(await counted(waits));
  expect(known(await column(page, 'ringing'))).toEqual(await counted(rings));
  expect(known(await column(page, 'talking'))).toEqual(await counted(talks));
}

describe('while conversations continue', () => {
  test('the overview follows what the organization knows, queue by queue', async () => {
    const page = await overview();
    // No picture equals the truth of one instant in every queue at once, but each queue keeps up with it.
    const open = new Set<string>();
    await eventually(async () => {
      for (const [queue, count] of await counted(waits)) if (count > 0) open.add(queue);
      expect(open.size).toBeGreaterThan(2);
    });
    const caughtUp = new Set<string>();
    await eventually(async () => {
      const before = await counted(waits);
      const seen = await column(page, 'waiting');
      const after = await counted(waits);
      for (const queue of open) {
        if ([before.get(queue) ?? 0, after.get(queue) ?? 0].includes(seen.get(queue) ?? -1)) caughtUp.add(queue);
      }
      expect([...caughtUp].toSorted()).toEqual([...open].toSorted());
    });
    await page
      .locator('tr[data-queue] a', { hasText: /^Queue \d/ })
      .first()
      .waitFor();
  });

  test('it is searched, sorted, pinned and filtered, by mouse and by keyboard', async () => {
    const page = await overview();
    const rows = page.locator('tbody tr[data-queue]');
    await page.keyboard.press('/');
    await page.keyboard.type('Queue 1');
    await eventually(async () => expect(await rows.count()).toBe(1));
    await page.keyboard.press('Escape');
    await eventually(async () => expect(await rows.count()).toBeGreaterThan(1));

    await page.getByRole('button', { name: /^Queue$/ }).click();
    const names = () => rows.locator('th a').allInnerTexts();
    const byName = (a: string, b: string): number => a.localeCompare(b, 'en', { numeric: true });
    await eventually(async () => {
      const now = await names();
      expect(now).toEqual(now.toSorted(byName));
    });
    const last = (await names()).at(-1) ?? '';
    await page.getByRole('button', { name: `Pin ${last}`, exact: true }).click();
    await eventually(async () => expect((await names())[0]).toBe(last));
    await page.reload();
    await eventually(async () => expect((await names())[0]).toBe(last));

    await page.getByLabel('Medium').selectOption('Voice');
    const isVoice = (row: TruthRow): boolean => row.media_type === 'Voice' && talks(row);
    await eventually(async () => {
      const sum = async () => [...(await counted(isVoice)).values()].reduce((all, each) => all + each, 0);
      const before = await sum();
      const now = Number(await total(page, 'Talking'));
      expect(before).toBeGreaterThan(0);
      expect([before, await sum()]).toContain(now);
    });
  });

  test('a queue shows its conversations, waiting customers first, and no number of a caller', async () => {
    const page = await overview();
    await page.locator('tbody tr[data-queue] a').first().click();
    await shown(page, 'queue');
    // In one look, because the rows move. Those for whom an agent's phone rings still wait.
    const firsts = await page.evaluate<boolean[]>(
      `[...document.querySelectorAll('[data-conversation]')].map((row) => row.classList.contains('waits'))`,
    );
    expect(firsts).toEqual(firsts.toSorted((a, b) => Number(b) - Number(a)));
    await page.locator('.chart canvas').first().waitFor();
    const answers = await page.evaluate(async () => (await fetch('api/queues')).text());
    let numbers: readonly string[] = [];
    await eventually(async () => {
      numbers = (await board.truth()).conversations.flatMap(({ ani }) => (ani === null ? [] : [ani]));
      expect(numbers.length).toBeGreaterThan(0);
    });
    const html = await page.content();
    for (const number of numbers) expect(html + answers).not.toContain(number);
  });

  test('a conversation shows its life in lanes', async () => {
    const page = await overview();
    await page.locator('tbody tr[data-queue] a').first().click();
    await page.locator('[data-conversation] a').first().click();
    await shown(page, 'conversation');
    await page.locator('.lanes .lane:first-child .name span', { hasText: 'Customer' }).waitFor();
    expect(await serious(page)).toEqual([]);
  });

  test('the wall fits its screen and shows the clock', async () => {
    const page = await browser.visit('?wall=1', { colorScheme: 'dark', viewport: { width: 1920, height: 1080 } });
    await shown(page, 'wall');
    await page.locator('.clock time', { hasText: /\d:\d\d/ }).waitFor();
    // A text, because the tests' types know no browser.
    expect(await page.evaluate('document.documentElement.scrollHeight > innerHeight')).toBe(false);
    expect(await serious(page)).toEqual([]);
  });
});

describe('while nothing happens in the organization', () => {
  beforeAll(() => board.control('pause'));
  afterAll(() => board.control('resume'));

  test('every number of every queue is that of the organization', async () => {
    const page = await overview();
    await eventually(() => equalsTruth(page), BACK_MS);
  });

  test('at random instants the whole board is the table as it was', async () => {
    const { conversations } = await board.truth();
    const ids = conversations.map((each) => each.conversation_id).toSorted();
    // The sink has written everything.
    await eventually(async () => {
      const stored = await board.query<{ id: string }>(
        `SELECT conversation_id AS id FROM ${board.database}.queue_conversation ORDER BY id`,
      );
      expect(stored.map(({ id }) => id)).toEqual(ids);
    }, BACK_MS);
    const page = await overview();
    await page.locator('#instant').waitFor();
    const { oldest } = (await (await fetch(`${board.url}/api/about`)).json()) as { oldest: number };
    for (let each = 0; each < 5; each += 1) {
      const at = 1_000 * Math.ceil((oldest + Math.random() * (Date.now() - oldest - 1_000)) / 1_000);
      await page.locator('#instant').fill(new Date(at).toISOString().slice(0, 19));
      const rows = await board.query<Counted>(
        // The view has the columns of the table, of which waiting is none.
        `SELECT past.queue_id AS queue_id, past.purpose AS purpose, past.state AS state, newest.waiting AS waiting
         FROM ${board.database}.queue_conversation_at(at = '${new Date(at).toISOString()}') AS past
         INNER JOIN (
           SELECT conversation_id, argMax(waiting, _version) AS waiting FROM ${board.database}.queue_conversation_history
           WHERE db_last_updated <= fromUnixTimestamp64Milli(${at}, 'UTC') GROUP BY conversation_id
         ) AS newest ON newest.conversation_id = past.conversation_id`,
      );
      const expected = (counts: (row: Counted) => boolean): ReadonlyMap<string, number> => {
        const found = rows.filter(counts);
        const queues = [...new Set(found.map((row) => row.queue_id))];
        return new Map(queues.map((queue) => [queue, found.filter((row) => row.queue_id === queue).length]));
      };
      await eventually(async () => {
        const shownAt = plain(await page.locator('.freshness').innerText());
        const seen = {
          ...{ at, shownAt, waiting: known(await column(page, 'waiting')) },
          talking: known(await column(page, 'talking')),
        };
        const text = new Intl.DateTimeFormat('en-US', { dateStyle: 'medium', timeStyle: 'medium', timeZone: 'UTC' });
        expect(seen).toEqual({
          ...{ at, shownAt: plain(`As it was on ${text.format(at)}`), waiting: known(expected(waits)) },
          talking: known(expected(talks)),
        });
      });
    }
    await page.locator('#slider').press('l');
    await page.locator(LIVE).waitFor();
  });
});

test('the past plays up to the present, and one key leads back', async () => {
  const page = await overview();
  await page.locator('#instant').waitFor();
  await page.keyboard.press('[');
  await page.locator('.freshness.past', { hasText: /^As it was/ }).waitFor();
  await page.getByRole('button', { name: '60×' }).click();
  await page.locator(LIVE).waitFor();
  await page.keyboard.press('[');
  await page.locator('.freshness.past').waitFor();
  await page.keyboard.press('l');
  await page.locator(LIVE).waitFor();
});

describe('what the board needs stops and comes back:', () => {
  const stale = (page: Page, why: string) =>
    page.locator('.board.gray .freshness', { hasText: new RegExp(`Not current since .*\\d:\\d\\d.*${why}`) }).waitFor();

  test('the board itself: the page turns gray and says since when', async () => {
    const page = await overview();
    board.signal('SIGSTOP');
    try {
      await stale(page, 'does not answer');
    } finally {
      board.signal('SIGCONT');
    }
    await page.locator(LIVE).waitFor();
  });

  test('ClickHouse: the board stays live, says that the past is not there, and shows it when it is again', async () => {
    const page = await overview();
    await page.locator('#instant').waitFor();
    await board.clickHouse.shut();
    try {
      await page.keyboard.press('[');
      await page.locator('footer [role="alert"]').waitFor();
      await page.keyboard.press('l');
      await page.locator(LIVE).waitFor();
      await page.keyboard.press('[');
    } finally {
      await board.clickHouse.open();
    }
    await page.locator('.freshness.past', { hasText: /^As it was/ }).waitFor({ timeout: BACK_MS });
    await page.locator('footer [role="alert"]').waitFor({ state: 'detached' });
  });

  test(
    'the broker: the page turns gray; then it shows what happened meanwhile',
    async () => {
      const page = await overview();
      await board.kafka.kill9();
      await stale(page, '');
      await board.kafka.restart();
      await page.locator(LIVE).waitFor({ timeout: BACK_MS });
      await board.control('pause');
      try {
        await eventually(() => equalsTruth(page), BACK_MS);
      } finally {
        await board.control('resume');
      }
    },
    3 * BACK_MS,
  );
});
