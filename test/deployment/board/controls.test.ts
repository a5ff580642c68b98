import { afterAll, afterEach, beforeAll, expect, test } from '@jest/globals';
import type { Locator, Page } from 'playwright-core';
import { BoardBrowser, eventually, goTo, PHONE, shown, type View } from '../../support/board/browser';
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

type Place = View | 'past' | 'settings' | 'changed settings' | 'settings of a queue' | 'help';
const PLACES: readonly Place[] = [
  ...(['overview', 'queue', 'conversation', 'wall', 'past'] as const),
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
