/** Numbers and times in the browser's language and time zone. */

const number = new Intl.NumberFormat();
const percent = new Intl.NumberFormat(undefined, { style: 'percent', maximumFractionDigits: 0 });
const clock = new Intl.DateTimeFormat(undefined, { timeStyle: 'medium' });
const shortClock = new Intl.DateTimeFormat(undefined, { timeStyle: 'short' });
const dateAndTime = new Intl.DateTimeFormat(undefined, { dateStyle: 'medium', timeStyle: 'medium' });
const zone = new Intl.DateTimeFormat(undefined, { hour: 'numeric', timeZoneName: 'short' });
const day = new Intl.DateTimeFormat(undefined, { dateStyle: 'medium' });

/** What the clocks are put back by at the end of summer time, in either direction. Lord Howe Island has half an hour. */
const CHANGES_MS = [30, 60].flatMap((minutes) => [-minutes * 60_000, minutes * 60_000]);

export const count = (value: number): string => number.format(value);
export const share = (value: number | null): string => (value === null ? '–' : percent.format(value));
export const timeOfDay = (at: number): string => clock.format(at);
/** Without seconds. */
export const shortTime = (at: number): string => shortClock.format(at);
/** An hour that comes twice, because summer time ends, gets the name of its time zone. */
export function instant(at: number): string {
  const text = dateAndTime.format(at);
  const isTwice = CHANGES_MS.some((change) => localInput(at + change) === localInput(at));
  const name = isTwice ? zone.formatToParts(at).find(({ type }) => type === 'timeZoneName')?.value : undefined;
  return name === undefined ? text : `${text} ${name}`;
}
/** With its date only if the other instant is on another day. */
export const instantNear = (at: number, other: number): string =>
  day.format(at) === day.format(other) ? timeOfDay(at) : instant(at);

/** `m:ss`; from one hour `h:mm:ss`; from one day `1 d 2 h`; never below 0. */
export function duration(ms: number): string {
  const seconds = Math.max(0, Math.floor(ms / 1000));
  const two = (value: number) => String(value).padStart(2, '0');
  const minutes = Math.floor(seconds / 60);
  const hours = Math.floor(minutes / 60);
  if (hours >= 24) return `${Math.floor(hours / 24)} d ${hours % 24} h`;
  return hours === 0 ? `${minutes}:${two(seconds % 60)}` : `${hours}:${two(minutes % 60)}:${two(seconds % 60)}`;
}

/** An ISO duration, for machines: `PT90S`. */
export const isoDuration = (ms: number): string => `PT${Math.max(0, Math.floor(ms / 1000))}S`;

/** The value of `<input type="datetime-local">`, in local time. */
export function localInput(at: number): string {
  const local = new Date(at - new Date(at).getTimezoneOffset() * 60_000);
  return local.toISOString().slice(0, 19);
}

/**
 * The instant of a local time. A time that comes twice is the one nearer to `near`; a time that summer time leaves out
 * is an hour later. NaN: no time.
 */
export function instantOf(local: string, near: number): number {
  const at = new Date(local).getTime();
  if (!Number.isFinite(at)) return NaN;
  const same = CHANGES_MS.map((change) => at + change).filter((other) => localInput(other) === localInput(at));
  return [at, ...same].sort((a, b) => Math.abs(a - near) - Math.abs(b - near))[0] ?? at;
}
