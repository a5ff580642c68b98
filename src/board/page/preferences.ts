import { computed, effect, signal, type Signal } from '@preact/signals';

/** The preferences that this browser remembers. Nothing of them is sent anywhere. */

function remembered<T>(name: string, fallback: T): Signal<T> {
  const key = `queuefold.${name}`;
  let initial = fallback;
  try {
    const text = localStorage.getItem(key);
    if (text !== null) initial = JSON.parse(text) as T;
  } catch {
    // Storage is off, or holds an older page's value: use the fallback.
  }
  const value = signal(initial);
  effect(() => {
    const text = JSON.stringify(value.value);
    try {
      localStorage.setItem(key, text);
    } catch {
      // Storage is off.
    }
  });
  return value;
}

export interface Thresholds {
  /** Longest wait, in seconds. */
  readonly waitWarning: number;
  readonly waitAlarm: number;
  /** Number of waiting customers. */
  readonly waitingWarning: number;
  readonly waitingAlarm: number;
  /** Today's service level, in percent. */
  readonly levelWarning: number;
  readonly levelAlarm: number;
}
export const DEFAULT_THRESHOLDS: Thresholds = {
  waitWarning: 60,
  waitAlarm: 180,
  waitingWarning: 5,
  waitingAlarm: 15,
  levelWarning: 80,
  levelAlarm: 60,
};

export type SortBy =
  'label' | 'waiting' | 'ringing' | 'oldest' | 'talking' | 'acw' | 'offered' | 'answered' | 'abandoned' | 'level';

export const theme = remembered<'system' | 'light' | 'dark'>('theme', 'system');
export const pinned = remembered<readonly string[]>('pinned', []);
export const sortBy = remembered<{ readonly by: SortBy; readonly down: boolean }>('sort', { by: 'oldest', down: true });
export const media = remembered<string>('media', '');
export const thresholds = remembered<Thresholds>('thresholds', DEFAULT_THRESHOLDS);
export const thresholdsOfQueue = remembered<Readonly<Record<string, Thresholds>>>('thresholds-by-queue', {});

export const thresholdsFor = (queueId: string): Thresholds => ({
  ...DEFAULT_THRESHOLDS,
  ...thresholds.value,
  ...thresholdsOfQueue.value[queueId],
});

export type Urgency = 'fine' | 'warning' | 'alarm';
export const above = (value: number, warning: number, alarm: number): Urgency =>
  value >= alarm ? 'alarm' : value >= warning ? 'warning' : 'fine';
export const below = (value: number, warning: number, alarm: number): Urgency =>
  value < alarm ? 'alarm' : value < warning ? 'warning' : 'fine';

const systemIsDark = matchMedia('(prefers-color-scheme: dark)');
const systemTheme = signal(systemIsDark.matches ? 'dark' : 'light');
systemIsDark.addEventListener('change', ({ matches }) => (systemTheme.value = matches ? 'dark' : 'light'));
/** The page's theme: the viewer's choice, or the system's. */
export const shownTheme = computed(() => (theme.value === 'system' ? systemTheme.value : theme.value));

effect(() => {
  const root = document.documentElement;
  if (theme.value === 'system') delete root.dataset['theme'];
  else root.dataset['theme'] = theme.value;
});
