import { X509Certificate } from 'node:crypto';
import { failed, type Finding, type Findings, ok, warning } from '../common';
import type { Config } from './groups';
import { isChosen } from './origin';
import { SETTING_KEYS, SETTINGS, type SettingKey } from './settings';
import { closest } from './suggest';

const KNOWN: ReadonlySet<string> = new Set(
  SETTING_KEYS.flatMap((key) => (SETTINGS[key].fromFile ? [key, `${key}_FILE`] : [key])),
);
/** The prefixes of our names. A variable with such a prefix and an unknown end probably means one of our settings. */
const FAMILIES =
  /^(KAFKA|SCHEMA_REGISTRY|CLICKHOUSE|GENESYS|EVENTS|NAMES|FOLD|SINK|BOARD|BRIDGE|DLQ|PRIVACY|QUEUEFOLD)_/;
const OTHERS = new Set(['QUEUEFOLD_CONFIG']);
/** Kubernetes sets these for each existing service. */
const OF_KUBERNETES = /_(SERVICE_(HOST|PORT(_\w+)?)|PORT(_\d+_(TCP|UDP)(_\w+)?)?)$/;

/** A group of settings, and the setting without which the others have no effect. */
const LEADERS: readonly (readonly [prefix: string, leader: SettingKey])[] = [
  ['KAFKA_', 'KAFKA_BROKERS'],
  ['SCHEMA_REGISTRY_', 'SCHEMA_REGISTRY_URL'],
  ['CLICKHOUSE_', 'CLICKHOUSE_URL'],
  ['GENESYS_', 'GENESYS_CLIENT_ID'],
];

/**
 * Names that look like a typing error of a setting's name: one letter differs, or two in a long name. (KAFKA_HOME
 * belongs to another program; the doctor still names it.) In order, without values.
 */
export function misspeltVariables(env: Readonly<Record<string, string | undefined>>): readonly Misspelling[] {
  return Object.keys(env)
    .filter((name) => name.length >= SHORTEST_MISSPELLING && !KNOWN.has(name) && !OTHERS.has(name) && env[name] !== '')
    .flatMap((name) => {
      const meant = closest(name, [...KNOWN], name.length >= LONG_NAME ? 2 : 1);
      return meant === null ? [] : [{ name, meant }];
    });
}

export interface Misspelling {
  readonly name: string;
  readonly meant: string;
}

const SHORTEST_MISSPELLING = 5;
const LONG_NAME = 9;

/** Variables that somebody set and that have no effect. Only the names: an unknown variable may hold anything. */
export function checkVariables(config: Config, env: Readonly<Record<string, string | undefined>>): Findings {
  const misspelt = new Set(misspeltVariables(env).map(({ name }) => name));
  const unknown = Object.keys(env).filter((name) => misspelt.has(name) || isMeantForUs(name, env[name]));
  const findings = unknown.map((name) => {
    const meant = closest(name, [...KNOWN]);
    const remedy = meant === null ? '`queuefold config` lists the settings.' : `Did you mean ${meant}?`;
    return warning('configuration', `${name} is not a setting of queuefold`, remedy);
  });
  const ignored = LEADERS.flatMap(([prefix, leader]) => {
    if (config.settings[leader].value !== undefined) return [];
    const set = SETTING_KEYS.filter((key) => key.startsWith(prefix) && isChosen(config.settings[key].origin));
    const chosen = set.filter((key) => config.settings[key].origin.kind !== 'derived');
    if (chosen.length === 0) return [];
    const are = chosen.length === 1 ? 'is' : 'are';
    return [
      warning(
        'configuration',
        `${chosen.join(', ')} ${are} set but ${are === 'is' ? 'has' : 'have'} no effect without ${leader}`,
        `Set ${leader}.`,
      ),
    ];
  });
  const all = [...findings, ...ignored];
  return all.length > 0 ? all : [ok('configuration', 'valid, without unknown or unused variables')];
}

const DAY_MS = 86_400_000;
const SOON_MS = 14 * DAY_MS;

/** When our own certificates expire, if there are any. */
export function checkCertificates({ kafka, registry, clickhouse }: Config, now = Date.now()): Findings {
  // The registry gets Kafka's certificate, even if Kafka itself is reached without TLS.
  const own = { KAFKA_SSL_CERT: kafka.ssl ?? registry.tls, CLICKHOUSE_SSL_CERT: clickhouse.tls };
  return Object.entries(own).flatMap(([name, { cert }]) =>
    cert === undefined ? [] : [checkCertificate(name, cert.current(), now)],
  );
}

function checkCertificate(setting: string, pem: string, now: number): Finding {
  const name = 'certificate';
  const { validFrom, validTo } = new X509Certificate(pem);
  const day = (text: string) => new Date(text).toISOString().slice(0, 10);
  const detail = `${setting} is valid from ${day(validFrom)} to ${day(validTo)}`;
  const remedy = `Renew ${setting}. Roles read it again when its file changes.`;
  const leftMs = Date.parse(validTo) - now;
  if (leftMs <= 0) return failed(name, `${detail}: it has expired`, remedy);
  if (Date.parse(validFrom) > now) return failed(name, `${detail}: not yet`, 'Is the clock of this machine right?');
  return leftMs < SOON_MS ? warning(name, detail, remedy) : ok(name, detail);
}

function isMeantForUs(name: string, value: string | undefined): boolean {
  if (KNOWN.has(name) || OTHERS.has(name) || value === undefined || value === '') return false;
  return FAMILIES.test(name) && !OF_KUBERNETES.test(name);
}
