import { readFileSync } from 'node:fs';
import { isMap, isScalar, isSeq, LineCounter, parseDocument, type Node } from 'yaml';
import { messageOf, PROXY_VARIABLES, UsageError } from '../common';
import type { RawValue } from './kinds';
import { FORMER_SETTINGS, SETTING_KEYS, SETTINGS, type SettingKey } from './settings';
import { closest } from './suggest';

export interface ConfigFile {
  readonly path: string;
  /** By key, with the `…_FILE` keys of secrets. */
  readonly values: ReadonlyMap<string, RawValue>;
  readonly problems: readonly string[];
}

const KNOWN_KEYS: readonly string[] = SETTING_KEYS.flatMap((key: SettingKey) =>
  SETTINGS[key].fromFile ? [key, `${key}_FILE`] : [key],
);

/**
 * Reads every value as a text, like values from the environment. Problems never quote the file, because it may hold
 * secrets.
 */
export function readConfigFile(path: string): ConfigFile {
  const text = readText(path);
  const lines = new LineCounter();
  // `failsafe` keeps every scalar a text: 007 stays 007, and one reader serves both sources.
  const document = parseDocument(text, {
    schema: 'failsafe',
    prettyErrors: false,
    lineCounter: lines,
    logLevel: 'error',
  });
  const broken = [...document.errors, ...document.warnings][0];
  if (broken !== undefined) {
    const { line, col } = lines.linePos(broken.pos[0]);
    throw new UsageError(
      `${path}: not valid YAML at line ${line}, column ${col} (${broken.code}). Values with special characters need quotes.`,
    );
  }
  const root = document.contents;
  const values = new Map<string, RawValue>();
  const problems: string[] = [];
  if (root === null || isUnset(root)) return { path, values, problems };
  if (!isMap(root)) throw new UsageError(`${path}: not a mapping. Allowed: lines such as "TOPIC_PREFIX: genesys".`);
  for (const { key, value } of root.items) {
    const name = isScalar(key) ? String(key.value) : '';
    if (!KNOWN_KEYS.includes(name)) {
      problems.push(unknownKey(path, name));
      continue;
    }
    const node = value as Node | null;
    if (node === null || isUnset(node)) continue;
    const raw = rawValue(node);
    if (raw === null) problems.push(`${name}: neither a value nor a list of values (config file ${path})`);
    else values.set(name, raw);
  }
  return { path, values, problems };
}

function readText(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    throw new UsageError(
      `config file ${path}: cannot be read (${messageOf(error)}). Check --config or QUEUEFOLD_CONFIG.`,
    );
  }
}

function unknownKey(path: string, name: string): string {
  if (PROXY_VARIABLES.includes(name)) {
    return `${JSON.stringify(name)}: a variable of the process, not a setting (config file ${path}). Set it in the environment`;
  }
  const former = FORMER_SETTINGS.get(name);
  if (former !== undefined) return `${name}: no longer a setting (config file ${path}); ${former}`;
  const meant = closest(name, KNOWN_KEYS);
  const hint = meant === null ? '`queuefold config` lists the settings' : `did you mean ${meant}?`;
  return `${JSON.stringify(name)}: no such setting (config file ${path}); ${hint}`;
}

function isUnset(node: Node): boolean {
  return isScalar(node) && node.type === 'PLAIN' && /^(~|null|)$/i.test(String(node.value));
}

function rawValue(node: Node): RawValue | null {
  if (isScalar(node)) return String(node.value);
  if (!isSeq(node)) return null;
  const items = node.items.map((item) => (isScalar(item) ? String(item.value) : null));
  return items.every((item) => item !== null) ? items : null;
}
