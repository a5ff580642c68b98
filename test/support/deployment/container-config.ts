import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import {
  type Config,
  loadConfig,
  type RequiredGroups,
  requireGroups,
  SETTING_KEYS,
  type SettingKey,
  SETTINGS,
} from '../../../src/config';

/** Variables that a process reads and that are not settings. The chart makes SHARD from POD_INDEX. */
const OF_THE_PROCESS = ['HTTPS_PROXY', 'HTTP_PROXY', 'NO_PROXY', 'NODE_EXTRA_CA_CERTS', 'NODE_OPTIONS', 'POD_INDEX'];

const NEEDS: Readonly<Record<string, readonly (keyof RequiredGroups)[]>> = {
  bridge: ['kafka', 'registry'],
  fold: ['kafka', 'registry'],
  sink: ['kafka', 'registry', 'clickhouse'],
  board: ['kafka', 'registry'],
  setup: ['kafka', 'registry', 'clickhouse'],
  doctor: ['kafka', 'registry', 'clickhouse'],
  simulate: [],
};

const TLS = join(__dirname, '..', '..', 'fixtures', 'tls');
/** A certificate and its own key, because the program compares them. */
const PEM = {
  certificate: readFileSync(join(TLS, 'localhost.pem'), 'utf8'),
  key: readFileSync(join(TLS, 'localhost.key'), 'utf8'),
};

/** A value that no other secret of this test has. */
export function sampleSecret(variable: string): string {
  const samples: Readonly<Record<string, string>> = { GENESYS_REGION: 'mypurecloud.ie' };
  if (variable.endsWith('_SSL_KEY')) return PEM.key;
  if (/_CA$|_CERT$/.test(variable)) return PEM.certificate;
  return samples[variable] ?? `sample-of-${variable}`.padEnd(40, '-'); // a key has 32 bytes
}

/**
 * The program's configuration in a container that runs `command` with this environment. It throws at an unknown
 * variable, at everything that the program's own validation refuses, and if the command would miss a setting.
 * @param folder for the files that `…_FILE` variables name
 */
export function configOfContainer(command: string, env: Readonly<Record<string, string>>, folder: string): Config {
  const unknown = Object.keys(env).filter((name) => !isKnown(name));
  if (unknown.length > 0) throw new Error(`${command}: no settings of queuefold: ${unknown.join(', ')}`);
  mkdirSync(folder, { recursive: true });
  const here = Object.entries(env).map(([name, value]) => {
    if (!name.endsWith('_FILE')) return [name, value] as const;
    const path = join(folder, name);
    writeFileSync(path, sampleSecret(name.replace(/_FILE$/, '')));
    return [name, path] as const;
  });
  const config = loadConfig({ env: Object.fromEntries(here) });
  const needs = NEEDS[command];
  if (needs === undefined) throw new Error(`${command}: no command that runs in a container`);
  requireGroups(config, needs);
  if (command === 'bridge' && config.events.secret === undefined) requireGroups(config, ['genesys']);
  return config;
}

function isKnown(name: string): boolean {
  const key = name.replace(/_FILE$/, '');
  if (OF_THE_PROCESS.includes(name)) return true;
  return isKey(key) && (key === name || SETTINGS[key].fromFile);
}

function isKey(name: string): name is SettingKey {
  return (SETTING_KEYS as readonly string[]).includes(name);
}
