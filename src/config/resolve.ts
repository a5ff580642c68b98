import { messageOf } from '../common';
import type { ConfigFile } from './file';
import { followFile, readSecretFile } from './file-text';
import type { RawValue } from './kinds';
import { originText, type Origin } from './origin';
import { MASK } from './secret';
import { SETTING_KEYS, SETTINGS, type Setting, type SettingKey, type SettingValue } from './settings';

/** One setting in force: the value as written, the value as used, and its origin. */
export interface Resolved<T> {
  /** A mask if the setting is a secret. */
  readonly raw: RawValue | undefined;
  readonly value: T;
  readonly origin: Origin;
}

export type ResolvedSettings = { readonly [K in SettingKey]: Resolved<SettingValue<K>> };

/** The same, while problems may remain: a setting with a problem has no value. */
export type ParsedSettings = { readonly [K in SettingKey]: Resolved<SettingValue<K> | undefined> };

export interface Sources {
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly file: ConfigFile | null;
}

interface Found {
  readonly raw: RawValue;
  readonly origin: Origin;
}

/** The environment wins over the file, and the file over the defaults. */
export function resolveSettings(sources: Sources, problems: string[]): ParsedSettings {
  const entries = SETTING_KEYS.map((key) => {
    const found = find(key, sources, problems);
    return [key, parseSetting(key, found ?? fallbackOf(key), problems)] as const;
  });
  return Object.fromEntries(entries) as unknown as ParsedSettings;
}

/** The settings with other defaults. Values that somebody chose stay. */
export function withFallbacks(
  settings: ResolvedSettings,
  fallbacks: Readonly<Partial<Record<SettingKey, string>>>,
  origin: Origin,
  problems: string[],
): ParsedSettings {
  const changed = SETTING_KEYS.flatMap((key) => {
    const raw = fallbacks[key];
    if (raw === undefined || settings[key].origin.kind !== 'default') return [];
    return [[key, parseSetting(key, { raw, origin }, problems)] as const];
  });
  return { ...settings, ...Object.fromEntries(changed) };
}

function fallbackOf(key: SettingKey): Found | null {
  const { fallback } = SETTINGS[key];
  return fallback === undefined ? null : { raw: fallback, origin: { kind: 'default' } };
}

function find(key: SettingKey, { env, file }: Sources, problems: string[]): Found | null {
  // An empty variable counts as unset: `VAR=${VAR}` in a compose file makes one.
  const inEnvironment = inLayer(
    key,
    (name) => env[name] || undefined,
    (variable) => ({ kind: 'environment', variable }),
    problems,
  );
  if (inEnvironment !== null || file === null) return inEnvironment;
  return inLayer(
    key,
    (name) => file.values.get(name),
    () => ({ kind: 'config-file', path: file.path }),
    problems,
  );
}

function inLayer(
  key: SettingKey,
  get: (name: string) => RawValue | undefined,
  originOf: (variable: string) => Origin,
  problems: string[],
): Found | null {
  const raw = get(key);
  const path = SETTINGS[key].fromFile ? get(`${key}_FILE`) : undefined;
  if (path === undefined) return raw === undefined ? null : { raw, origin: originOf(key) };
  if (raw !== undefined) {
    problems.push(`${key}: set together with ${key}_FILE (${originText(originOf(key))}); allowed: one of the two`);
    return null;
  }
  return fromSecretFile(`${key}_FILE`, path, problems);
}

function fromSecretFile(variable: string, path: RawValue, problems: string[]): Found | null {
  if (typeof path !== 'string') {
    problems.push(`${variable}: a list, where one value belongs; allowed: the path of a file`);
    return null;
  }
  // The message does not show it: it may be the secret itself.
  if (!isPath(path)) {
    problems.push(
      `${variable}: not a path, but a text of ${path.length} characters; allowed: the path of a file that holds the value`,
    );
    return null;
  }
  try {
    const raw = readSecretFile(path);
    if (raw !== '') return { raw, origin: { kind: 'secret-file', variable, path } };
    problems.push(`${variable}: ${path} is empty; allowed: the path of a file that holds the value`);
  } catch (error) {
    problems.push(
      `${variable}: cannot be read (${messageOf(error)}); allowed: the path of a file that holds the value`,
    );
  }
  return null;
}

/** The most bytes of a path and of each of its names, in Linux. */
const LONGEST = { path: 4_096, name: 255 };

function isPath(text: string): boolean {
  if (/[\r\n\0]/.test(text) || Buffer.byteLength(text) >= LONGEST.path) return false;
  return text.split(/[\\/]/).every((name) => Buffer.byteLength(name) <= LONGEST.name);
}

function parseSetting(key: SettingKey, found: Found | null, problems: string[]): Resolved<unknown> {
  if (found === null) return { raw: undefined, value: undefined, origin: { kind: 'default' } };
  const { schema, allowed, secret, follow }: Setting<unknown> = SETTINGS[key];
  const parsed = schema.safeParse(found.raw);
  if (parsed.success) {
    const { raw, origin } = found;
    const isFollowed = follow !== undefined && origin.kind === 'secret-file' && typeof raw === 'string';
    const read = isFollowed ? followFile(origin.path, raw, (text) => schema.safeParse(text).success) : null;
    const value = read === null ? parsed.data : follow?.(read);
    return { raw: secret ? MASK : raw, value, origin };
  }
  const wrong = parsed.error.issues.map((issue) => issue.message).join(', ');
  problems.push(`${key}: ${wrong} (${originText(found.origin)}); allowed: ${allowed}`);
  return { raw: undefined, value: undefined, origin: found.origin };
}
