import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { isMap, parseDocument, stringify, type Pair, type Scalar, type YAMLMap } from 'yaml';
import { packageRoot } from '../../../src/common';
import { SETTING_KEYS, type SettingKey, SETTINGS, url } from '../../../src/config';
import { topicDefinitions, topicNames } from '../../../src/log';

/**
 * The parts of helm/queuefold that follow from the program and from values.yaml: `npm run chart` writes them, and a
 * test compares them.
 */

export const CHART = join(packageRoot(), 'helm', 'queuefold');

/** The chart sets these itself, or they belong to another way of running queuefold. */
const NOT_IN_THE_CHART = /^(SHARD|HTTP_PORT|DATA_DIR)$/;

/** Only some roles read these; all roles read the others. */
const READERS: readonly (readonly [pattern: RegExp, roles: readonly string[]])[] = [
  [/^(GENESYS|NAMES|EVENTS|BRIDGE|PRIVACY)_|^QUEUES$|^HTTPS?_PROXY$|^NO_PROXY$/, ['bridge']],
  [/^SINK_/, ['sink']],
  [/^CLICKHOUSE_/, ['sink', 'setup', 'board']],
  [/^BOARD_/, ['board']],
  // The bridge keeps names of deleted objects for this long.
  [/^HISTORY_/, ['bridge', 'sink', 'setup']],
];
const ROLES = ['bridge', 'fold', 'sink', 'board', 'setup', 'doctor'] as const;

/** Variables of the process: Node.js and the proxies' code read them. */
const PROXIES = ['HTTPS_PROXY', 'HTTP_PROXY'];
const PLAIN_OF_THE_PROCESS = [...PROXIES, 'NO_PROXY'];
const FILES_OF_THE_PROCESS = ['NODE_EXTRA_CA_CERTS'];

const settings = SETTING_KEYS.filter((key) => !NOT_IN_THE_CHART.test(key));
/** Addresses that a role connects to. */
const isAddress = (key: SettingKey) => key === 'KAFKA_BROKERS' || SETTINGS[key].allowed === url().allowed;
const isFile = (key: SettingKey) => SETTINGS[key].fromFile;

/** settings.yaml: the facts about the program that the templates need. */
export function chartSettings() {
  const names = topicNames('prefix');
  const topics = topicDefinitions(names, 2).map(({ topic, config, partitions }) => {
    // This one depends on the replication factor, so the template adds it.
    const own = Object.entries(config).filter(([name]) => name !== 'min.insync.replicas');
    const definition = { ...(partitions === undefined ? {} : { partitions }), config: Object.fromEntries(own) };
    return [topic.replace(/^prefix\./, ''), definition] as const;
  });
  const all = [...settings, ...PLAIN_OF_THE_PROCESS, ...FILES_OF_THE_PROCESS];
  return {
    /** The settings that each role reads. */
    roles: Object.fromEntries(ROLES.map((role) => [role, all.filter((name) => isReadBy(role, name))])),
    /** Settings that a file may hold: as `…_FILE`, or, for `paths`, under their own name. */
    files: [...settings.filter(isFile), ...FILES_OF_THE_PROCESS],
    paths: FILES_OF_THE_PROCESS,
    /** Settings that the chart itself sets. */
    own: SETTING_KEYS.filter((key) => !settings.includes(key)),
    addresses: [...settings.filter(isAddress), ...PROXIES],
    partitions: Number(SETTINGS.PARTITIONS.fallback),
    replicationFactor: Number(SETTINGS.REPLICATION_FACTOR.fallback),
    topics: Object.fromEntries(topics),
  };
}

function isReadBy(role: (typeof ROLES)[number], name: string): boolean {
  const readers = READERS.find(([pattern]) => pattern.test(name))?.[1];
  return readers === undefined || role === 'doctor' || readers.includes(role);
}

export function chartSettingsText(): string {
  const heading = '# Written by `npm run chart` from src/config/settings.ts and src/log/topics.ts.\n';
  return heading + stringify(chartSettings(), { lineWidth: 0 });
}

/** values.schema.json, with the present settings and secrets. */
export function chartSchema(): unknown {
  const schema = JSON.parse(readFileSync(join(CHART, 'values.schema.json'), 'utf8')) as {
    readonly definitions: Readonly<Record<string, unknown>>;
  };
  const plain = settings.filter((key) => !SETTINGS[key].secret);
  const ofSettings = plain.map((key) => [key, { description: SETTINGS[key].help, $ref: '#/definitions/setting' }]);
  const ofProcess = PLAIN_OF_THE_PROCESS.map((name) => [name, { $ref: '#/definitions/setting' }]);
  const secrets = [...settings, ...PLAIN_OF_THE_PROCESS, ...FILES_OF_THE_PROCESS];
  return {
    ...schema,
    definitions: {
      ...schema.definitions,
      settings: closed(Object.fromEntries([...ofSettings, ...ofProcess]) as Readonly<Record<string, unknown>>),
      secrets: closed(Object.fromEntries(secrets.map((name) => [name, { $ref: '#/definitions/secret' }]))),
    },
  };
}

function closed(properties: Readonly<Record<string, unknown>>) {
  return { type: 'object', additionalProperties: false, properties };
}

/** README.md: a line for each value, with its comment in values.yaml. */
export function chartReadme(): string {
  const values = parseDocument(readFileSync(join(CHART, 'values.yaml'), 'utf8')).contents as YAMLMap;
  const rows = rowsOf(values, []).map(({ path, fallback, help }) => `| \`${path}\` | ${fallback} | ${help} |`);
  return `# queuefold on Kubernetes

The chart runs \`bridge\`, \`fold\`, \`sink\` and, if enabled, \`board\` as one Deployment each. A bridge with several shards
is a StatefulSet. A job runs \`queuefold setup\` before every installation and upgrade. [Deploy on Kubernetes with the
chart](../../docs/how-to/deploy-with-the-chart.md) says how to install, upgrade and size it.

This page lists every value. \`npm run chart\` writes it from values.yaml.

| value | default | what |
|---|---|---|
${rows.join('\n')}
`;
}

interface ValueRow {
  readonly path: string;
  readonly fallback: string;
  readonly help: string;
}

/** A map with comments inside, or without any default, is one value; others are split. */
function rowsOf(map: YAMLMap, path: readonly string[]): readonly ValueRow[] {
  return map.items.flatMap((item, index) => {
    const { key, value } = item as Pair<Scalar<string>>;
    // This parser attaches the first comment to the map.
    const comment = (key.commentBefore ?? (index === 0 ? map.commentBefore : null) ?? '').trim();
    const help = comment
      .split('\n')
      .map((line) => line.trim())
      .join(' ')
      .replaceAll('|', '\\|');
    const name = [...path, key.value];
    const isLeaf = !isMap(value) || value.flow === true;
    const row = { path: name.join('.'), fallback: isLeaf ? `\`${JSON.stringify(asData(value))}\`` : '', help };
    if (isLeaf) return [row];
    return [...(help === '' ? [] : [row]), ...rowsOf(value, name)];
  });
}

function asData(value: unknown): unknown {
  return (value as { toJSON(): unknown } | null)?.toJSON() ?? null;
}
