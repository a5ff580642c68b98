import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from '@jest/globals';
import { packageRoot } from '../../../src/common';
import { SETTING_KEYS, SETTINGS } from '../../../src/config';
import { topicNames } from '../../../src/log';
import { createMetrics } from '../../../src/ops';
import { codeBlocks, codeSpans, documents, documentText } from '../../support/files/documents';
import { rules } from '../../support/monitoring/monitoring';

const schemas = (folder: string): string =>
  readdirSync(join(packageRoot(), 'schemas', folder))
    .filter((name) => /\.(sql|avsc)$/.test(name))
    .map((name) => readFileSync(join(packageRoot(), 'schemas', folder, name), 'utf8'))
    .join('\n');

/** Of Kafka, ClickHouse, Node.js, npm and others: names in capitals that are no settings of queuefold. */
const FOREIGN_VARIABLES = [
  ...['HTTPS_PROXY', 'HTTP_PROXY', 'NO_PROXY', 'NO_COLOR', 'NODE_OPTIONS', 'NODE_EXTRA_CA_CERTS'],
  ...['OTEL_RESOURCE_ATTRIBUTES', 'AWS_REGION', 'QUEUEFOLD_CONFIG', 'KAFKA_RELEASES', 'STORE_FAULTS'],
  ...['PROPERTY_SEED', 'PROPERTY_RUNS'],
  ...['GRAFANA_PASSWORD', 'GRAFANA_CLICKHOUSE_PASSWORD'],
];
/** Constants that are spelled like variables: of errors, compatibility, tests. */
const CONSTANTS =
  /^(FULL_TRANSITIVE|CERT_HAS_EXPIRED|TOO_MANY_PARTS|[A-Z]+_TABLES|[A-Z]+_COLUMNS|MESSAGE_TOO_LARGE|INVALID_RECORD)$/;
/** Answers of Kafka have such names, too; and the changelog names what was taken away. */
const OF_OTHERS = ['docs/reference/kafka-errors.md', 'CHANGELOG.md'];

/** Lower-case names with underscores that are neither columns, tables nor metrics of queuefold. */
const FOREIGN_NAMES = new Set([
  ...['aws_msk_iam', 'read_committed', 'wait_end_of_query', 'old_parts_lifetime', 'tmp_path', 'query_log', 'trace_id'],
  ...[
    'ce_type',
    'ce_source',
    'ce_id',
    'ce_time',
    'x_',
    'ssl_certificate',
    'setup_user',
    'sink_user',
    'genesys_replay_',
  ],
  ...['nodejs_eventloop_lag_p99_seconds', 'queuefold_test_', 'queuefold_demo', 'replay_', 'process_', 'nodejs_'],
]);

const codeOf = (path: string): readonly string[] => {
  const text = documentText(path);
  return [...codeSpans(text), ...codeBlocks(text).map((block) => block.text)];
};
const found = (path: string, pattern: RegExp): readonly string[] => [
  ...new Set(codeOf(path).flatMap((code) => [...code.matchAll(pattern)].map(([, name = '']) => name))),
];

const metrics = createMetrics().definitions.map(({ name }) => name);
const recorded = rules().flatMap(({ record }) => (record === undefined ? [] : [record]));

describe('what the documents name exists', () => {
  test.each(documents().filter((path) => !OF_OTHERS.includes(path)))('settings in %s', (path) => {
    const named = found(path, /(?<![\w…])([A-Z][A-Z0-9]*(?:_[A-Z0-9]+)+)(?![\w(]|_…)/g);
    const unknown = named.filter((name) => {
      const ofFile = name.replace(/_FILE$/, '');
      const setting = SETTING_KEYS.find((key) => key === name || key === ofFile);
      if (setting !== undefined) return setting !== name && !SETTINGS[setting].fromFile;
      return !FOREIGN_VARIABLES.includes(name) && !CONSTANTS.test(name);
    });
    expect(unknown).toEqual([]);
  });

  test.each(documents())('metrics in %s', (path) => {
    const named = found(path, /(?<![\w-])(queuefold_[a-z0-9_]*[a-z0-9])(?![\w*])/g);
    const unknown = named
      .filter((name) => !FOREIGN_NAMES.has(name))
      .filter((name) => !metrics.includes(name.replace(/_(?:bucket|count|sum)$/, '')) && !recorded.includes(name));
    expect(unknown).toEqual([]);
  });

  test.each(documents())('topics in %s', (path) => {
    const known = Object.values({ ...topicNames('genesys') }).map((name) => name.replace(/^genesys\./, ''));
    const named = found(
      path,
      /(?<![\w./-])(?:(?:genesys2?|hand|<prefix>|TOPIC_PREFIX)\.)?([a-z][a-z.-]*\.v1)(?![\w])/g,
    );
    expect(named.filter((name) => !known.includes(name))).toEqual([]);
  });

  test.each(documents())('columns, tables and views in %s', (path) => {
    // A statement on the page may give a column a name of its own.
    const statements = codeBlocks(documentText(path)).filter(({ language }) => language === 'sql');
    const known = [
      ...['avro', 'clickhouse', 'clickhouse/queries'].map(schemas),
      ...statements.map(({ text }) => text),
    ].join('\n');
    const named = codeSpans(documentText(path)).flatMap((code) =>
      /^[a-z][a-z0-9]*(?:_[a-z0-9]+)+$/.test(code) ? [code] : [],
    );
    const unknown = named
      .filter((name) => !name.startsWith('queuefold_') && !FOREIGN_NAMES.has(name))
      .filter((name) => !new RegExp(`\\b${name}\\b`).test(known));
    expect([...new Set(unknown)]).toEqual([]);
  });
});

describe('paths', () => {
  test.each(documents().filter((path) => path !== 'CHANGELOG.md'))('of the repository in %s exist', (path) => {
    const named = codeSpans(documentText(path)).filter((code) =>
      /^(?:src|test|docs|schemas|helm|tools|embedded|examples)\/[\w./-]+$/.test(code),
    );
    expect(named.filter((name) => !existsSync(join(packageRoot(), name)))).toEqual([]);
  });
});

describe('what exists is documented', () => {
  test('every setting is on its page once', () => {
    const page = documentText('docs/reference/settings.md');
    const rows = [...page.matchAll(/^\| `([A-Z0-9_]+)`[^|]*\| (?:–|`)/gm)].map(([, key]) => key);
    expect([...rows].sort()).toEqual([...SETTING_KEYS].sort());
  });

  test('every topic and group is on its page', () => {
    const page = documentText('docs/reference/topics.md');
    const { prefix, ...names } = topicNames('genesys');
    for (const name of Object.values(names)) expect([prefix, page.includes(`| \`${name}\` |`)]).toEqual([prefix, true]);
  });

  test('every page is in the index', () => {
    const index = documentText('docs/README.md');
    const pages = documents().filter((path) => path.startsWith('docs/') && path !== 'docs/README.md');
    expect(pages.filter((path) => !index.includes(`](${path.slice('docs/'.length)})`))).toEqual([]);
  });
});
