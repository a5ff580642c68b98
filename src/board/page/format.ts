/** Numbers and times in the browser's language and time zone. */

const number = new Intl.NumberFormat();
const percent = new Intl.NumberFormat(undefined, { style: 'percent', maximumFractionDigits: 0 });
const clock = new Intl.DateTimeFormat(undefined, { timeStyle: 'medium' });
const shortClock = new Intl.DateTimeFormat(undefined, { timeStyle: 'short' });
const dateAndTime = new Intl.DateTimeFormat(undefined, { dateStyle: 'medium', timeStyle: 'medium' });
const day = new Intl.DateTimeFormat(undefined, { dateStyle: 'medium' });

export const count = (value: number): string => number.format(value);
export const share = (value: number | null): string => (value === null ? '–' : percent.format(value));
export const timeOfDay = (at: number): string => clock.format(at);
/** Without seconds. */
export const shortTime = (at: number): string => shortClock.format(at);
export const instant = (at: number): string => dateAndTime.format(at);
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
