/**
 * Reads single values from the wire (specification, section 2, "Normalising"). A value that does not fit is absent:
 * null.
 */

export type JsonObject = Readonly<Record<string, unknown>>;

export function isObject(value: unknown): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** "Arrays: null or missing is empty; of a wrong type is empty." */
export function array(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : [];
}

/** A non-empty string, with lone surrogates as U+FFFD. `""`, null, numbers and objects are absent. */
export function text(value: unknown): string | null {
  return typeof value === 'string' && value !== '' ? value.toWellFormed() : null;
}

/** The id of a reference `{id}`. */
export function reference(value: unknown): string | null {
  return isObject(value) ? text(value['id']) : null;
}

/** `addressNormalized`, else `addressRaw`; `tel:` and `sip:` stay as sent. */
export function address(value: unknown): string | null {
  return isObject(value) ? (text(value['addressNormalized']) ?? text(value['addressRaw'])) : null;
}

const TIME = /^(\d{4})-(\d\d)-(\d\d)T(\d\d):(\d\d)(?::(\d\d)(?:\.(\d+))?)?(?:Z|([+-])(\d\d)(?::(\d\d))?)$/;
const EARLIEST = Date.UTC(1900, 0, 1);
const AFTER_LATEST = Date.UTC(2300, 0, 1);

/**
 * `YYYY-MM-DDThh:mm[:ss[.fraction]]` with `Z` or `±hh[:mm]`, a real date, between 1900 and 2299 in UTC, cut to
 * milliseconds.
 * @returns epoch milliseconds
 */
export function time(value: unknown): number | null {
  return typeof value === 'string' ? (usualTime(value) ?? anyTime(value)) : null;
}

/** The date that was read last, and its beginning: a conversation's times are of one day, or of two. */
let known = { date: '1970-01-01', midnight: 0 };

const USUAL = 'YYYY-MM-DDThh:mm:ss.mmmZ';
const MARKS = [10, 13, 16, 19, 23].map((at) => [at, USUAL.charCodeAt(at)] as const);
const ZERO = 0x30;

/**
 * A time in Genesys's usual form, of the date that was read last. Null: of another form or date, or no time. A
 * notification has dozens of times; a regular expression for each would be a tenth of the cost of reading it.
 */
function usualTime(text: string): number | null {
  if (text.length !== USUAL.length || !text.startsWith(known.date)) return null;
  for (const [at, mark] of MARKS) if (text.charCodeAt(at) !== mark) return null;
  const hour = twoDigits(text, 11);
  const minute = twoDigits(text, 14);
  const second = twoDigits(text, 17);
  const milliseconds = 10 * twoDigits(text, 20) + digit(text, 22);
  // NaN is not less than anything.
  if (!(hour < 24 && minute < 60 && second < 60 && milliseconds < 1000)) return null;
  return known.midnight + ((hour * 60 + minute) * 60 + second) * 1000 + milliseconds;
}

function twoDigits(text: string, at: number): number {
  return 10 * digit(text, at) + digit(text, at + 1);
}

function digit(text: string, at: number): number {
  const value = text.charCodeAt(at) - ZERO;
  return value >= 0 && value <= 9 ? value : NaN;
}

function anyTime(text: string): number | null {
  const match = TIME.exec(text);
  if (match === null) return null;
  const [, year, month, day, hour, minute, second = '0', fraction = '', sign, offsetHour = '0', offsetMinute = '0'] =
    match;
  if (Number(hour) > 23 || Number(minute) > 59 || Number(second) > 59) return null;
  if (Number(offsetHour) > 23 || Number(offsetMinute) > 59) return null;
  // Date.UTC takes the years 0 to 99 for 1900 to 1999, and turns 31 June into 1 July. Reading the date back finds both.
  const midnight = Date.UTC(Number(year), Number(month) - 1, Number(day));
  const date = text.slice(0, 10);
  if (!Number.isFinite(midnight) || !new Date(midnight).toISOString().startsWith(date)) return null;
  const milliseconds = Number(fraction.slice(0, 3).padEnd(3, '0'));
  const ofDay = ((Number(hour) * 60 + Number(minute)) * 60 + Number(second)) * 1000 + milliseconds;
  const offset = (Number(offsetHour) * 60 + Number(offsetMinute)) * 60_000 * (sign === '-' ? -1 : 1);
  if (isTime(midnight)) known = { date, midnight };
  const instant = midnight + ofDay - offset;
  return isTime(instant) ? instant : null;
}

/** Between 1900 and 2299, the range of ClickHouse. @param instant epoch milliseconds */
export function isTime(instant: number): boolean {
  return instant >= EARLIEST && instant < AFTER_LATEST;
}

/** Compares ids by their UTF-8 bytes, so by code point. JavaScript compares UTF-16 units. */
export function compareIds(a: string, b: string): number {
  const length = Math.min(a.length, b.length);
  for (let i = 0; i < length; i++) {
    const x = a.charCodeAt(i);
    const y = b.charCodeAt(i);
    if (x !== y) return codePointOrder(x) - codePointOrder(y);
  }
  return a.length - b.length;
}

/** Surrogates encode code points above all others. */
function codePointOrder(unit: number): number {
  if (unit >= 0xe000) return unit - 0x800;
  return unit >= 0xd800 ? unit + 0x2000 : unit;
}
