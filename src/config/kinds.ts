import { createPrivateKey, X509Certificate } from 'node:crypto';
import { z } from 'zod';
import { formatDuration, parseDuration } from './duration';
import { genesysDomain, GENESYS_AWS_REGIONS, GENESYS_DOMAINS } from './genesys-regions';
import { createSecret, type LiveText, type Secret } from './secret';
import { closest } from './suggest';

/** A value as people write it: a text, or in the config file also a list of texts. */
export type RawValue = string | readonly string[];

/** How to read one setting, and which values it allows, in words. */
export interface Kind<T> {
  readonly schema: z.ZodType<T, RawValue>;
  readonly allowed: string;
  /** A value that follows its file; absent: the value of the start stays. `read` gives only valid texts. */
  readonly follow?: (read: () => string) => T;
}

interface Problem {
  readonly problem: string;
}

type Parsed<T> = { readonly value: T } | Problem;

/** The problem's sentence starts with the value, and never shows the part before an `@` (credentials of a URL). */
function about(text: string, problem: string): Problem {
  const shown = text.includes('@') ? `…${text.slice(text.lastIndexOf('@'))}` : text;
  return { problem: `${JSON.stringify(shown.length > 80 ? `${shown.slice(0, 80)}…` : shown)} ${problem}` };
}

function scalar<T>(allowed: string, parse: (text: string) => Parsed<T>): Kind<T> {
  const schema = z.custom<RawValue>().transform((raw, context): T => {
    const parsed = typeof raw === 'string' ? parse(raw.trim()) : { problem: 'a list, where one value belongs' };
    if ('value' in parsed) return parsed.value;
    context.addIssue({ code: 'custom', message: parsed.problem });
    return z.NEVER;
  });
  return { schema, allowed };
}

export function text(allowed = 'a text', shape = /[^]/): Kind<string> {
  return scalar(allowed, (given) => (shape.test(given) ? { value: given } : about(given, 'is not allowed')));
}

export function integer(min: number, max: number): Kind<number> {
  return scalar(`a whole number from ${min} to ${max}`, (given) => {
    if (!/^[+-]?\d{1,16}$/.test(given)) return about(given, 'is not a whole number');
    return inRange(given, Number(given), min, max);
  });
}

export function number(min: number, max: number): Kind<number> {
  return scalar(`a number from ${min} to ${max}`, (given) => {
    if (!/^[+-]?(\d+\.?\d*|\.\d+)$/.test(given)) return about(given, 'is not a number');
    return inRange(given, Number(given), min, max);
  });
}

/** Milliseconds. */
export function duration(minMs: number, maxMs: number): Kind<number> {
  const allowed = `a duration such as 500ms, 90s, 15m, 1h or 7d, from ${formatDuration(minMs)} to ${formatDuration(maxMs)}`;
  return scalar(allowed, (given) => {
    const milliseconds = parseDuration(given);
    if (milliseconds !== null) return inRange(given, milliseconds, minMs, maxMs);
    return about(given, /^\d+$/.test(given) ? 'has no unit' : 'is not a duration');
  });
}

/** `off`, or `0`, is null. */
export function orOff<T>({ schema, allowed }: Kind<T>): Kind<T | null> {
  const orNull = z.custom<RawValue>().transform((raw, context): T | null => {
    if (typeof raw === 'string' && /^(off|0)$/i.test(raw.trim())) return null;
    const parsed = schema.safeParse(raw);
    if (parsed.success) return parsed.data;
    for (const { message } of parsed.error.issues) context.addIssue({ code: 'custom', message });
    return z.NEVER;
  });
  return { schema: orNull, allowed: `${allowed}; or off` };
}

const SIZE_UNITS: Readonly<Record<string, number>> = { '': 1, B: 1, KIB: 1024, MIB: 1024 ** 2, GIB: 1024 ** 3 };

/** Bytes. */
export function size(min: number, max: number): Kind<number> {
  return scalar(`a number of bytes from ${min} to ${max}, or a size such as 512KiB or 4MiB`, (given) => {
    const [, amount, unit = ''] = /^(\d{1,15})\s*([A-Za-z]*)$/.exec(given) ?? [];
    const factor = SIZE_UNITS[unit.toUpperCase()];
    if (amount === undefined || factor === undefined) return about(given, 'is not a size');
    return inRange(given, Number(amount) * factor, min, max);
  });
}

/** One of several parts: `2/3` is the second of three, with index 1. */
export function part(most: number): Kind<{ readonly index: number; readonly count: number }> {
  return scalar(`NUMBER/PARTS such as 2/3, the second of three; at most ${most} parts`, (given) => {
    const [, number, parts] = /^(\d{1,5})\/(\d{1,5})$/.exec(given) ?? [];
    if (number === undefined) return about(given, 'does not name a part and how many there are');
    const count = Number(parts);
    if (count < 1 || count > most) return about(given, `has ${count === 0 ? 'no' : 'too many'} parts`);
    // Numbers wrap around: of three, 0 and 3 are the third, and 4 is the first again.
    return { value: { index: (Number(number) + count - 1) % count, count } };
  });
}

function inRange(given: string, value: number, min: number, max: number): Parsed<number> {
  if (value < min) return about(given, 'is too small');
  return value > max ? about(given, 'is too large') : { value };
}

export function bool(): Kind<boolean> {
  return scalar('true or false', (given) => {
    if (/^(true|yes|on|1)$/i.test(given)) return { value: true };
    return /^(false|no|off|0)$/i.test(given) ? { value: false } : about(given, 'is neither true nor false');
  });
}

export function oneOf<const V extends string>(values: readonly V[]): Kind<V> {
  return scalar(values.join(', '), (given) => choose(given, values));
}

function choose<V extends string>(given: string, values: readonly V[]): Parsed<V> {
  const value = values.find((candidate) => candidate === given.toLowerCase());
  return value === undefined ? about(given, 'is not one of them') : { value };
}

/** `a,b`, or in the config file also a list, whose items may contain commas. Repetitions count once. */
function listOf<T>(allowed: string, parse: (item: string) => Parsed<T>): Kind<readonly T[]> {
  const schema = z.custom<RawValue>().transform((raw, context): readonly T[] => {
    const items = (typeof raw === 'string' ? raw.split(',') : raw).map((item) => item.trim()).filter(Boolean);
    const values = new Set<T>();
    for (const item of items) {
      const parsed = parse(item);
      if ('value' in parsed) values.add(parsed.value);
      else context.addIssue({ code: 'custom', message: parsed.problem });
    }
    if (items.length === 0) context.addIssue({ code: 'custom', message: 'an empty list' });
    return [...values];
  });
  return { schema, allowed };
}

export function someOf<const V extends string>(values: readonly V[]): Kind<readonly V[]> {
  return listOf(`any of ${values.join(',')}`, (item) => choose(item, values));
}

export function texts(allowed: string): Kind<readonly string[]> {
  return listOf(allowed, (item) => ({ value: item }));
}

export function brokers(): Kind<readonly string[]> {
  return listOf('host:port, several separated by commas', (item) => {
    const [, port] = /^(?:[A-Za-z0-9._-]+|\[[0-9A-Fa-f:.]+\]):(\d{1,5})$/.exec(item) ?? [];
    if (port === undefined) return about(item, item.includes('://') ? 'is a URL' : 'is not host:port');
    return Number(port) >= 1 && Number(port) <= 65_535 ? { value: item } : about(item, 'has an impossible port');
  });
}

/** Without a trailing slash. Credentials belong in settings of their own, where they are masked. */
export function url(): Kind<string> {
  return scalar('http:// or https:// with host and port, without user and password', (given) => {
    const parsed = URL.canParse(given) ? new URL(given) : null;
    if (parsed === null || !/^https?:$/.test(parsed.protocol)) return about(given, 'is not an http or https URL');
    if (parsed.username !== '' || parsed.password !== '') return about(given, 'contains a user or password');
    if (parsed.search !== '' || parsed.hash !== '') return about(parsed.origin, 'is followed by ? or #');
    return { value: `${parsed.origin}${parsed.pathname}`.replace(/\/+$/, '') };
  });
}

export function genesysRegion(): Kind<string> {
  const names = [...GENESYS_DOMAINS, ...GENESYS_AWS_REGIONS];
  return scalar(`${GENESYS_DOMAINS.join(', ')} or the AWS region`, (given) => {
    const domain = genesysDomain(given);
    if (domain !== null) return { value: domain };
    const meant = closest(given, names);
    return about(given, `is no region of Genesys Cloud${meant === null ? '' : ` (did you mean ${meant}?)`}`);
  });
}

const PEM_ALLOWED = 'PEM text; for a path, set the variable that ends in _FILE';

/** Certificates. */
export function pem(): Kind<LiveText> {
  const live = (read: () => string): LiveText => ({ current: read });
  const kind = scalar(PEM_ALLOWED, (given) => {
    const problem = isPem(given) ? certificatesProblem(given) : NOT_PEM;
    return problem === null ? { value: live(() => given) } : { problem };
  });
  return { ...kind, follow: live };
}

/** A private key. */
export function secretPem(): Kind<Secret> {
  const kind = scalar(PEM_ALLOWED, (given) => {
    const problem = isPem(given) ? keyProblem(given) : NOT_PEM;
    return problem === null ? { value: createSecret(given) } : { problem };
  });
  return { ...kind, follow: createSecret };
}

// The message never shows the value: somebody may have put a key into the wrong variable.
const NOT_PEM = 'not PEM';
const isPem = (given: string): boolean => given.includes('-----BEGIN ');

function certificatesProblem(given: string): string | null {
  const certificates = given.match(/-----BEGIN CERTIFICATE-----[^-]*-----END CERTIFICATE-----/g) ?? [];
  if (certificates.length === 0) return 'PEM, but without a certificate';
  try {
    for (const certificate of certificates) new X509Certificate(certificate);
    return null;
  } catch {
    return 'a certificate that cannot be read';
  }
}

function keyProblem(given: string): string | null {
  try {
    createPrivateKey(given);
    return null;
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? error.code : null;
    return code === 'ERR_MISSING_PASSPHRASE' ? 'an encrypted key, which is not supported' : 'a key that cannot be read';
  }
}

/** @param shortest in characters: a secret that strangers may try to guess must be long */
export function secret({ shortest }: { readonly shortest: number } = { shortest: 1 }): Kind<Secret> {
  const allowed = shortest === 1 ? 'a text' : `a text of at least ${shortest} characters`;
  return secretThat(allowed, (given) => (given.length >= shortest ? null : 'too short'));
}

/** A secret that goes into an HTTP header as it is. */
export function headerSecret(): Kind<Secret> {
  return secretThat('a text without line ends', (given) => {
    if (given.trim() === '') return 'empty';
    // fetch would refuse it only later, in words that show it.
    return /^[\t\x20-\x7E\x80-\xFF]+$/.test(given) ? null : 'a line end or another character that no HTTP header has';
  });
}

const KEY_BYTES = 32;

/**
 * A key that nobody can guess: at least 32 bytes, as text, hex or base64. Hex and padded base64 count as the bytes that
 * they encode.
 */
export function secretKey(): Kind<Secret> {
  const allowed =
    `a key of at least ${KEY_BYTES} bytes as text, hex or base64; ` +
    `this command makes one: openssl rand -base64 ${KEY_BYTES}`;
  return secretThat(allowed, (given) => {
    const bytes = keyBytes(given);
    return bytes >= KEY_BYTES ? null : `${bytes} bytes, which is short enough to guess`;
  });
}

function keyBytes(given: string): number {
  if (/^(?:[0-9a-f]{2})+$/i.test(given)) return given.length / 2;
  if (/^(?:[\w+/-]{4})*[\w+/-]{2,3}={1,2}$/.test(given)) return Buffer.from(given, 'base64').length;
  return Buffer.byteLength(given);
}

/** @param problemOf the problem in words that do not show the value; null: the value is good */
function secretThat(allowed: string, problemOf: (given: string) => string | null): Kind<Secret> {
  const schema = z.custom<RawValue>().transform((raw, context): Secret => {
    const message = typeof raw === 'string' ? problemOf(raw) : 'a list, where one value belongs';
    if (message === null) return createSecret(String(raw));
    context.addIssue({ code: 'custom', message });
    return z.NEVER;
  });
  return { schema, allowed, follow: createSecret };
}
