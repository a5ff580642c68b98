import { helpIsOpen } from './dialogs';
import { SEARCH_ID } from './header';
import { search } from './overview';
import { theme } from './preferences';
import { isWall, route, toggleWall } from './route';
import { goLive, speed, step, travelTo } from './travel';
import { isTurning } from './wall';

const HOUR_MS = 3_600_000;
const MINUTE_MS = 60_000;

export function startKeys(): void {
  addEventListener('keydown', (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const target = event.target instanceof HTMLElement ? event.target : document.body;
    // A dialog that was just closed may still have the focus.
    if (target.closest('dialog[open]') !== null) return;
    const isTyping = target.matches('input:not([type=range]), select, textarea');
    if (event.key === 'Escape') escape(target);
    else if (!isTyping && act(event.key, target)) event.preventDefault();
  });
}

function escape(target: HTMLElement): void {
  if (search.value !== '') search.value = '';
  else if (target.id === SEARCH_ID) target.blur();
  else if (isWall) toggleWall();
  else if (route.value.page !== 'overview') location.hash = '#/';
}

const THEME_AFTER = { system: 'dark', dark: 'light', light: 'system' } as const;

/** @returns whether the key has a meaning here */
function act(key: string, target: HTMLElement): boolean {
  switch (key) {
    case '/':
      document.getElementById(SEARCH_ID)?.focus();
      return true;
    case 'l':
    case 'L':
      goLive();
      return true;
    case '[':
    case ']':
      step(key === '[' ? -MINUTE_MS : MINUTE_MS);
      return true;
    case '{':
    case '}':
      step(key === '{' ? -HOUR_MS : HOUR_MS);
      return true;
    case ' ':
      // A focused button uses the space bar itself.
      return target.closest('button, a, summary') === null && pause();
    case 't':
    case 'T':
      theme.value = THEME_AFTER[theme.value];
      return true;
    case 'w':
    case 'W':
      toggleWall();
      return true;
    case '?':
      helpIsOpen.value = true;
      return true;
    default:
      return false;
  }
}

function pause(): boolean {
  if (travelTo.value !== null) speed.value = speed.value === 0 ? 1 : 0;
  else if (isWall) isTurning.value = !isTurning.value;
  else return false;
  return true;
}
