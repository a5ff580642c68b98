import { afterAll, afterEach, beforeAll, describe, expect, test } from '@jest/globals';
import type { Locator, Page } from 'playwright-core';
import { BoardBrowser, eventually, freshness, goTo, PHONE, shown, total, type View } from '../../support/board/browser';
import { controlsOf } from '../../support/board/controls';
import { startMadeUpBoard, type MadeUpBoard } from '../../support/board/made-up-board';

/** Every control, by mouse, by keyboard, and as large as a finger. The list is the page's accessibility tree. */
let board: MadeUpBoard;
let browser: BoardBrowser;
beforeAll(async () => {
  // More queues than a wall shows at once.
  board = await startMadeUpBoard({ queues: 40, conversations: 90, changesPerSecond: 0, seed: 5 });
  browser = await BoardBrowser.start(board.url);
});
afterEach(async () => {
  expect(await browser.settle()).toEqual([]);
});
afterAll(async () => {
  await browser.close();
  await board.stop();
});

const MINUTE = 60_000;
interface Answer {
  readonly lines: readonly { readonly live: { readonly waiting: number; readonly talking: number } }[];
}
/** The browser and Node.js differ in the spaces of their times. */
const plain = (text: string): string => text.replace(/\s/g, ' ');

type Place = View | 'past' | 'nothing found' | 'settings' | 'changed settings' | 'settings of a queue' | 'help';
const PLACES: readonly Place[] = [
  ...(['overview', 'queue', 'conversation', 'wall', 'past', 'nothing found'] as const),
  ...(['settings', 'changed settings', 'settings of a queue', 'help'] as const),
];

async function open(place: Place, options = {}): Promise<Page> {
  const page = await browser.visit('', options);
  await shown(page, 'overview');
  await page.locator('#slider').waitFor();
  const dialog = async (name: string): Promise<void> => {
    await page.getByRole('button', { name, exact: true }).click();
    await page.getByRole('dialog', { name }).waitFor();
  };
  if (place === 'past') {
    await page.keyboard.press('{');
    await page.locator('.freshness.past').waitFor();
    await shown(page, 'overview');
  } else if (place === 'nothing found') {
    await page.getByRole('searchbox').fill('nothing of the kind');
    await page.getByRole('button', { name: 'Show all queues' }).waitFor();
  } else if (place === 'settings') await dialog('Settings');
  else if (place === 'changed settings') {
    await dialog('Settings');
    await enter(page.getByRole('spinbutton').first(), '7');
    await stored('thresholds', '"waitWarning":7')(page);
  } else if (place === 'help') await dialog('Help');
  else if (place === 'settings of a queue') {
    await goTo(page, 'queue');
    await dialog('Settings');
    await enter(page.getByRole('spinbutton').first(), '7');
    await stored('thresholds-by-queue', '"waitWarning":7')(page);
  } else await goTo(page, place);
  return page;
}

/** It counts when the focus leaves the field. */
async function enter(control: Locator, value: string): Promise<void> {
  await control.fill(value);
  await control.blur();
}

interface Control {
  readonly find: (page: Page) => Locator;
  /** Where it does something; it may be elsewhere, too. */
  readonly place: Place;
  readonly does: (page: Page) => Promise<unknown>;
  /** What to press, where it is neither a button nor a link. */
  readonly keys?: readonly string[];
  readonly byMouse?: (control: Locator) => Promise<unknown>;
}

const button = (name: string | RegExp) => (page: Page) => page.getByRole('button', { name, exact: true }).first();
const link = (href: string) => (page: Page) => page.locator(`a[href^="${href}"]:visible`).first();
const sees = (selector: string) => (page: Page) => page.locator(selector).first().waitFor();
const stored = (name: string, value: string) => (page: Page) =>
  eventually(async () => {
    expect(await page.evaluate(`localStorage.getItem('queuefold.${name}')`)).toContain(value);
  });
const isPast = sees('.freshness.past');
const sortButton = (head: string, by: string): readonly [string, Control] => [
  `button ${head}`,
  {
    find: button(head),
    place: 'overview',
    does: stored('sort', `"by":"${by}"${by === 'oldest' ? ',"down":false' : ''}`),
  },
];
const limit = (name: string, stores: string): readonly [string, Control] => [
  `spinbutton ${name}`,
  {
    ...{ find: (page) => page.getByRole('spinbutton', { name, exact: true }), place: 'settings' as const },
    ...{ keys: ['ArrowUp'], byMouse: (control: Locator) => enter(control, '41') },
    does: (page) =>
      eventually(async () => {
        const kept = JSON.parse(String(await page.evaluate(`localStorage.getItem('queuefold.thresholds')`))) as Record<
          string,
          number
        >;
        expect([41, (DEFAULTS[stores] ?? 0) + 1]).toContain(kept[stores]);
      }),
  },
];
const DEFAULTS: Readonly<Record<string, number>> = {
  ...{ waitWarning: 60, waitAlarm: 180, waitingWarning: 5, waitingAlarm: 15, levelWarning: 80, levelAlarm: 60 },
};
const playButton = (times: number): readonly [string, Control] => [
  `button Play ${times}×`,
  {
    ...{ find: button(`Play ${times}×`), place: 'overview' as const },
    does: (page) => page.getByRole('button', { name: `Play ${times}×`, pressed: true }).waitFor(),
  },
];

const CONTROLS = new Map<string, Control>([
  ['link #/', { find: link('#/'), place: 'queue', does: sees('tr[data-queue]') }],
  ['link ./', { find: link('./'), place: 'wall', does: sees('tr[data-queue]') }],
  ['link #/queue/…', { find: link('#/queue/'), place: 'overview', does: sees('main.queue h1') }],
  ['link #/conversation/…', { find: link('#/conversation/'), place: 'queue', does: sees('.lanes') }],
  ['link ?wall=1', { find: link('?wall=1'), place: 'overview', does: sees('.tile') }],
  ['button Settings', { find: button('Settings'), place: 'overview', does: sees('dialog[open] .limits') }],
  ['button Help', { find: button('Help'), place: 'overview', does: sees('dialog[open] .keys') }],
  [
    'button Close',
    {
      ...{ find: button('Close'), place: 'help' },
      does: (page) => page.locator('dialog[open]').waitFor({ state: 'detached' }),
    },
  ],
  [
    'searchbox Search queues',
    {
      ...{ find: (page) => page.getByRole('searchbox'), place: 'overview', keys: ['S', 'a', 'l', 'e', 's'] },
      byMouse: (control) => control.fill('Sales'),
      does: (page) =>
        eventually(async () => {
          const names = await page.locator('tr[data-queue] a').allInnerTexts();
          expect(names.filter((name) => !name.startsWith('Sales'))).toEqual([]);
        }),
    },
  ],
  [
    'combobox Medium',
    {
      ...{ find: (page) => page.getByLabel('Medium'), place: 'overview', keys: ['ArrowDown'] },
      byMouse: (control) => control.selectOption('Voice'),
      does: (page) =>
        eventually(async () => {
          expect(await page.evaluate(`localStorage.getItem('queuefold.media')`)).toMatch(/^"[A-Z]/);
        }),
    },
  ],
  [
    'combobox Theme',
    {
      ...{ find: (page) => page.getByLabel('Theme'), place: 'settings', keys: ['ArrowDown'] },
      byMouse: (control) => control.selectOption('dark'),
      does: sees('html[data-theme]'),
    },
  ],
  [
    'region Table of queues',
    {
      ...{ find: (page) => page.getByRole('region', { name: 'Table of queues' }), place: 'overview', keys: ['End'] },
      byMouse: async (control) => {
        await control.hover();
        await control.page().mouse.wheel(0, 100_000);
      },
      does: sees('tr[aria-rowindex="42"]'),
    },
  ],
  [
    'slider Show the board as it was',
    {
      ...{ find: (page) => page.getByRole('slider'), place: 'overview', keys: ['Home'] },
      byMouse: (control) => control.click({ position: { x: 60, y: 8 } }),
      does: isPast,
    },
  ],
  [
    'DateTime Instant',
    {
      ...{ find: (page) => page.getByLabel('Instant'), place: 'overview', keys: ['ArrowDown'] },
      byMouse: (control) => control.fill('2020-01-01T10:00:00'),
      does: isPast,
    },
  ],
  ['button −1 min', { find: button('−1 min'), place: 'overview', does: isPast }],
  [
    'button +1 min',
    {
      ...{ find: button('+1 min'), place: 'past' },
      does: (page) => page.locator('p[role="status"]', { hasText: 'The board shows' }).waitFor({ state: 'attached' }),
    },
  ],
  ['button Show all queues', { find: button('Show all queues'), place: 'nothing found', does: sees('tr[data-queue]') }],
  ...[1, 10, 60].map(playButton),
  ['button Live', { find: button('Live'), place: 'past', does: sees('.freshness.live') }],
  [
    'button Pin …',
    { find: (page) => page.locator('button.pin').nth(2), place: 'overview', does: stored('pinned', 'q') },
  ],
  sortButton('Queue', 'label'),
  sortButton('Waiting', 'waiting'),
  sortButton('Ringing', 'ringing'),
  sortButton('Longest wait', 'oldest'),
  sortButton('Talking', 'talking'),
  sortButton('After-call', 'acw'),
  sortButton('Offered', 'offered'),
  sortButton('Answered', 'answered'),
  sortButton('Abandoned', 'abandoned'),
  sortButton('Service level', 'level'),
  ['button (an instant)', { find: (page) => page.locator('button.link').first(), place: 'conversation', does: isPast }],
  limit('Longest wait, from (seconds): warning', 'waitWarning'),
  limit('Longest wait, from (seconds): alarm', 'waitAlarm'),
  limit('Waiting, from (customers): warning', 'waitingWarning'),
  limit('Waiting, from (customers): alarm', 'waitingAlarm'),
  limit('Service level, below (percent): warning', 'levelWarning'),
  limit('Service level, below (percent): alarm', 'levelAlarm'),
  [
    'button Reset thresholds',
    { find: button('Reset thresholds'), place: 'changed settings', does: stored('thresholds', '"waitWarning":60') },
  ],
  [
    'button Use those of all queues',
    {
      ...{ find: button('Use those of all queues'), place: 'settings of a queue' },
      does: stored('thresholds-by-queue', '{}'),
    },
  ],
  [
    'button Stop turning',
    {
      ...{ find: button('Stop turning'), place: 'wall' },
      does: (page) => page.getByRole('button', { name: 'Stop turning', pressed: true }).waitFor(),
    },
  ],
]);

test('every control of every view has a test here', async () => {
  const found = new Set<string>();
  for (const place of PLACES) for (const each of await controlsOf(await open(place))) found.add(each);
  expect([...found].toSorted()).toEqual([...CONTROLS.keys()].toSorted());
});

test.each([...CONTROLS])('%s: by mouse and by keyboard', async (_name, { find, place, does, keys, byMouse }) => {
  const first = await open(place);
  await (byMouse ?? ((control: Locator) => control.click()))(find(first));
  await does(first);
  const second = await open(place);
  await find(second).focus();
  for (const key of keys ?? ['Enter']) await second.keyboard.press(key);
  await does(second);
});

test('a minute on and a minute back are a minute, and the numbers are those of that instant', async () => {
  const page = await open('overview');
  const at = MINUTE * Math.floor(Date.now() / MINUTE) - 5 * MINUTE;
  await page.locator('#instant').fill(new Date(at).toISOString().slice(0, 19));
  const isOf = (instant: number): Promise<void> =>
    eventually(async () => {
      const { lines } = (await (await fetch(`${board.url}/api/queues?at=${instant}`)).json()) as Answer;
      const sum = (name: 'waiting' | 'talking'): string => String(lines.reduce((all, { live }) => all + live[name], 0));
      const time = new Intl.DateTimeFormat('en-US', { dateStyle: 'medium', timeStyle: 'medium', timeZone: 'UTC' });
      expect([plain(await freshness(page)), await total(page, 'Waiting'), await total(page, 'Talking')]).toEqual([
        ...[plain(`As it was on ${time.format(instant)}`), sum('waiting'), sum('talking')],
      ]);
    });
  await isOf(at);
  const [on, back] = [button('+1 min')(page), button('−1 min')(page)];
  await on.click();
  await isOf(at + MINUTE);
  await on.press('Enter');
  await isOf(at + 2 * MINUTE);
  await back.click();
  await back.press('Enter');
  await back.press('Enter');
  await isOf(at - MINUTE);
});

/** A text, because the tests' types know no browser. */
const focused = (page: Page): Promise<readonly string[]> =>
  page.evaluate<string[]>(`(() => {
    const row = document.activeElement.closest('tr');
    return [document.activeElement.tagName, row?.dataset.queue ?? row?.dataset.conversation ?? ''];
  })()`);

describe('the keyboard’s focus', () => {
  const wait = (queueId: string, count: number): void => {
    for (let each = 0; each < count; each += 1) board.picture.upsertRow(board.newRow(queueId));
  };

  test('stays with its queue when rows change places, and when that one is scrolled away', async () => {
    const page = await open('overview');
    await button('Waiting')(page).click();
    await page.locator('th[aria-sort="descending"]', { hasText: 'Waiting' }).waitFor();
    const isAt = (index: number, queueId: string) =>
      page.locator(`tr[aria-rowindex="${index + 3}"][data-queue="${queueId}"]`).waitFor();
    const [one = '', other = ''] = await page.evaluate<string[]>(
      `[...document.querySelectorAll('tr[data-queue]')].slice(5, 7).map((row) => row.dataset.queue)`,
    );
    await page.locator(`tr[data-queue="${one}"] a`).focus();
    wait(one, 200);
    await isAt(0, one);
    expect(await focused(page)).toEqual(['A', one]);
    wait(other, 400);
    await isAt(1, one);
    expect(await focused(page)).toEqual(['A', one]);
    await page.evaluate(`document.querySelector('.frame').scrollTop = 1e6`);
    await page.locator('tr[aria-rowindex="42"]').waitFor();
    expect(await focused(page)).toEqual(['A', one]);
    await page.keyboard.press('Enter');
    await page.locator('main.queue').waitFor();
    expect(new URL(page.url()).hash).toContain(one);
  });

  test('stays with its conversation when that one is answered', async () => {
    // It came before all others, so it is the first of those who wait, and of those who talk.
    const row = { ...board.newRow('q1'), queue_connected_time: Date.now() - 3_600_000 };
    board.picture.upsertRow(row);
    wait('q1', 2);
    const page = await browser.visit('#/queue/q1');
    const link = page.locator(`[data-conversation]:first-child a[href="#/conversation/${row.conversation_id}"]`);
    await link.waitFor();
    await link.focus();
    board.picture.upsertRow({ ...row, purpose: 'agent', state: 'connected', user_id: 'u1', waiting: false });
    await page.locator(`[data-conversation="${row.conversation_id}"]:not(:first-child)`).waitFor();
    expect(await focused(page)).toEqual(['A', row.conversation_id]);
  });
});

describe('the wall', () => {
  const onWall = async (options = {}) => {
    const page = await browser.visit('?wall=1', options);
    await page.clock.install();
    await page.reload();
    await shown(page, 'wall');
    // From here on time passes when the test says so.
    await page.clock.pauseAt(Date.now() + 60_000);
    const turn = page.locator('.turn');
    const at = async (): Promise<readonly number[]> => (await turn.innerText()).match(/\d+/g)?.map(Number) ?? [];
    const tiles = async (): Promise<string> => (await page.locator('.tile h2').allInnerTexts()).join();
    return { page, at, tiles };
  };

  test('shows the next queues every ten seconds, and stops when it is told', async () => {
    const { page, at, tiles } = await onWall();
    const [first = 0, all = 0] = await at();
    expect(all).toBeGreaterThan(1);
    const before = await tiles();
    const next = (of: number, steps: number): number => ((of - 1 + steps) % all) + 1;
    await page.clock.runFor(10_000);
    await eventually(async () => expect(await at()).toEqual([next(first, 1), all]));
    expect(await tiles()).not.toBe(before);
    await page.clock.runFor(10_000);
    await eventually(async () => expect(await at()).toEqual([next(first, 2), all]));
    await page.getByRole('button', { name: 'Stop turning' }).click();
    await page.clock.runFor(60_000);
    expect(await at()).toEqual([next(first, 2), all]);
    await page.getByRole('button', { name: 'Stop turning' }).click();
    await page.clock.runFor(10_000);
    await eventually(async () => expect(await at()).toEqual([next(first, 3), all]));
  });

  test('does not turn for who wants less motion, unless it is told to', async () => {
    const { page, at } = await onWall({ reducedMotion: 'reduce' });
    const [first = 0, all = 0] = await at();
    await page.clock.runFor(60_000);
    expect(await at()).toEqual([first, all]);
    await page.getByRole('button', { name: 'Stop turning', pressed: true }).click();
    await page.clock.runFor(10_000);
    await eventually(async () => expect(await at()).toEqual([(first % all) + 1, all]));
  });
});

/** Behind an open dialog nothing is in reach. A text, because the tests' types know no browser. */
const SMALL = `[...(document.querySelector('dialog[open]') ?? document).querySelectorAll('a[href], button, input, select')]
  .filter((each) => each.checkVisibility())
  .filter((each) => {
    const { width, height } = each.getBoundingClientRect();
    return Math.min(width, height) < 43;
  })
  .map((each) => each.outerHTML.slice(0, 160))`;

test('on a phone every control is as large as a finger', async () => {
  const small: string[] = [];
  for (const place of PLACES.filter((each) => each !== 'wall')) {
    const page = await open(place, PHONE);
    small.push(...(await page.evaluate<string[]>(SMALL)).map((each) => `${place}: ${each}`));
  }
  expect(small).toEqual([]);
});

test('the keys do what the help says', async () => {
  const page = await open('overview');
  const does = async (key: string, effect: (of: Page) => Promise<unknown>): Promise<void> => {
    await page.keyboard.press(key);
    await effect(page);
  };
  await does('/', sees('#search:focus'));
  await page.keyboard.type('Sales');
  await does('Escape', (of) => eventually(async () => expect(await of.locator('#search').inputValue()).toBe('')));
  await page.keyboard.press('Escape');
  await does('[', isPast);
  await does('l', sees('.freshness.live'));
  await does('{', isPast);
  await does(' ', (of) => of.getByRole('button', { name: 'Play 1×', pressed: true }).waitFor());
  await does(' ', (of) => of.getByRole('button', { name: 'Play 1×', pressed: false }).waitFor());
  await does('L', sees('.freshness.live'));
  await does('t', sees('html[data-theme="dark"]'));
  await does('t', sees('html[data-theme="light"]'));
  await does('?', sees('dialog[open] .keys'));
  await does('Escape', (of) => of.locator('dialog[open]').waitFor({ state: 'detached' }));
  await does('w', sees('.tile'));
  await does(' ', (of) => of.getByRole('button', { name: 'Stop turning', pressed: true }).waitFor());
  await does('w', sees('tr[data-queue]'));
  await page.locator('tr[data-queue] a').first().click();
  await page.locator('main.queue').waitFor();
  await does('Escape', sees('tr[data-queue]'));
});
