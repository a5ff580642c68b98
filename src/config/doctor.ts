import { ok, warning, type Findings } from '../common/finding';
import type { Config } from './groups';
import { isChosen } from './origin';
import { SETTING_KEYS, SETTINGS, type SettingKey } from './settings';
import { closest } from './suggest';

const KNOWN: ReadonlySet<string> = new Set(
  SETTING_KEYS.flatMap((key) => (SETTINGS[key].fromFile ? [key, `${key}_FILE`] : [key])),
);
/** The beginnings of our names: who writes one with another end means one of ours. */
const FAMILIES = /^(KAFKA|SCHEMA_REGISTRY|CLICKHOUSE|GENESYS|EVENTS|SINK|DLQ|PRIVACY|QUEUEFOLD)_/;
const OTHERS = new Set(['QUEUEFOLD_CONFIG']);
/** Kubernetes sets these for each service that there is. */
const OF_KUBERNETES = /_(SERVICE_(HOST|PORT(_\w+)?)|PORT(_\d+_(TCP|UDP)(_\w+)?)?)$/;

/** A group of settings and the one without which the others mean nothing. */
const LEADERS: readonly (readonly [prefix: string, leader: SettingKey])[] = [
  ['KAFKA_', 'KAFKA_BROKERS'],
  ['SCHEMA_REGISTRY_', 'SCHEMA_REGISTRY_URL'],
  ['CLICKHOUSE_', 'CLICKHOUSE_URL'],
  ['GENESYS_', 'GENESYS_CLIENT_ID'],
];

/** Variables that somebody set and that do nothing. Names only: what is no setting may hold anything. */
export function checkVariables(config: Config, env: Readonly<Record<string, string | undefined>>): Findings {
  const unknown = Object.keys(env).filter((name) => isMeantForUs(name, env[name]));
  const findings = unknown.map((name) => {
    const meant = closest(name, [...KNOWN]);
    const remedy = meant === null ? '`queuefold config` lists the settings.' : `Did you mean ${meant}?`;
    return warning('configuration', `${name} is no setting of queuefold`, remedy);
  });
  const ignored = LEADERS.flatMap(([prefix, leader]) => {
    if (config.settings[leader].value !== undefined) return [];
    const set = SETTING_KEYS.filter((key) => key.startsWith(prefix) && isChosen(config.settings[key].origin));
    const chosen = set.filter((key) => config.settings[key].origin.kind !== 'derived');
    if (chosen.length === 0) return [];
    const are = chosen.length === 1 ? 'is' : 'are';
    return [
      warning('configuration', `${chosen.join(', ')} ${are} set, but ${leader} is not: ignored`, `Set ${leader}.`),
    ];
  });
  const all = [...findings, ...ignored];
  return all.length > 0 ? all : [ok('configuration', 'valid, no unknown or ignored variables')];
}

function isMeantForUs(name: string, value: string | undefined): boolean {
  if (KNOWN.has(name) || OTHERS.has(name) || value === undefined || value === '') return false;
  return FAMILIES.test(name) && !OF_KUBERNETES.test(name);
}
