import { SETTING_KEYS, SETTINGS, type SettingKey } from '../src/config/settings';

const SECTIONS: readonly { readonly title: string; readonly of: RegExp }[] = [
  { title: 'TLS', of: /^TLS_/ },
  { title: 'Kafka', of: /^KAFKA_/ },
  { title: 'Schema registry', of: /^SCHEMA_REGISTRY_/ },
  { title: 'ClickHouse', of: /^(CLICKHOUSE_|HISTORY_RETENTION$)/ },
  { title: 'Genesys Cloud', of: /^(GENESYS_|QUEUES|NAMES_|SHARD$)/ },
  { title: 'Events over HTTP', of: /^EVENTS_/ },
  { title: 'Topics', of: /^(TOPIC_PREFIX|PARTITIONS|REPLICATION_FACTOR)$/ },
  { title: 'What the fold writes', of: /^(CLOSE_AFTER|ACW_TIMEOUT|ENDED_RETENTION|VISITS|FOLD_|PRIVACY_)/ },
  { title: 'Limits', of: /^(BRIDGE_|LIMIT_|DLQ_)/ },
  { title: 'Sink', of: /^SINK_/ },
  { title: 'Board', of: /^BOARD_/ },
  { title: 'Every process', of: /./ },
];

/** What somebody who deploys for the first time decides. The compiler knows whether each of them exists. */
const FIRST: readonly (readonly [SettingKey, string])[] = [
  ['KAFKA_BROKERS', 'your brokers'],
  ['SCHEMA_REGISTRY_URL', 'your schema registry'],
  ['CLICKHOUSE_URL', 'your ClickHouse'],
  ['CLICKHOUSE_USERNAME', 'its user; the password is in `CLICKHOUSE_PASSWORD`, better `CLICKHOUSE_PASSWORD_FILE`'],
  ['GENESYS_REGION', 'the region of your organization'],
  ['GENESYS_CLIENT_ID', 'your OAuth client'],
  ['GENESYS_CLIENT_SECRET', 'its secret; better `GENESYS_CLIENT_SECRET_FILE`'],
  ['REPLICATION_FACTOR', 'how many brokers keep each topic; 1 if you have a single broker'],
  [
    'PARTITIONS',
    'decide once: it never changes for a prefix. With 12, twelve threads of folds work at once: by calculation 300,000 events/s',
  ],
  ['PRIVACY_MASK', 'decide before the first event: what reached Kafka unmasked stays so. A mask needs `PRIVACY_KEY`'],
  ['CLOSE_AFTER', 'whether a row ends with the last hang-up or with the after-call work'],
  ['HISTORY_RETENTION', 'how far back you want to see the table'],
];

const INTRODUCTION = `# Settings

\`npm run docs\` writes this page from \`src/config/settings.ts\`; do not edit it.

A setting is an environment variable, or the same key in a YAML file that \`--config\` or \`QUEUEFOLD_CONFIG\` names.
The environment wins. Settings marked *file* can come from a file: \`PRIVACY_KEY_FILE=/run/secrets/key\` names the file
that holds the key. \`queuefold config\` prints every value and where it came from.

Every role checks all settings when it starts. A wrong value, or an unknown key in the file, ends the role with
exit code 2. The message names the setting, its value and what is allowed. If an environment variable looks like a
misspelled setting, the role logs a warning.

## For a first deployment

| setting | decide |
|---|---|
${FIRST.map(([key, what]) => `| \`${key}\` | ${what} |`).join('\n')}

If Kafka or the registry wants TLS, a certificate or a user, [Secure it](../how-to/secure.md) has the settings for that.
The default of every other setting is right for most deployments.
`;

/** What people look for as a setting. The numbers and their reasons are in the code that uses them. */
const CONSTANTS = `## What is not a setting

A setting exists only where two deployments need different values. These are constants:

| constant | why nobody needs another one |
|---|---|
| an input of 16 MiB, 500 levels, a text of 256 KiB | a real notification has about 10 KB and a dozen levels |
| 2,000 participants, 10,000 communications of a conversation | more is an attack, or an error of the sender |
| \`POST /events\`: a body of 1 MiB, 1,000 events a second | EventBridge sends at most 256 KiB; a faster sender gets 429 and sends again |
| a batch of 10,000 rows or 8 MiB in the sink | larger batches gain nothing; \`SINK_FLUSH_MS\` decides how old a row becomes |
| a tombstone stays in the state table for an hour; the clean-up runs every 10 minutes | all sinks of a database need the same values; nobody reads these tombstones |
| the bridge reads the list of queues every 5 minutes, and names every 15 | this costs a few of the 300 requests a minute |
| a fold or sink stops if half of its last 1,000 records are unreadable | \`DLQ_MAX_CONSECUTIVE=0\` switches this off as well |

Flags choose the simulated organization: \`queuefold simulate --help\`.
`;

/** docs/reference/settings.md: every setting with its default, what is allowed, and what it does. */
export function settingsPage(): string {
  const left = new Set<SettingKey>(SETTING_KEYS);
  const sections = SECTIONS.flatMap(({ title, of }) => {
    const keys = SETTING_KEYS.filter((key) => left.has(key) && of.test(key));
    for (const key of keys) left.delete(key);
    if (keys.length === 0) return [];
    return `## ${title}\n\n| setting | default | allowed | |\n|---|---|---|---|\n${keys.map(row).join('\n')}\n`;
  });
  return [INTRODUCTION, ...sections, CONSTANTS].join('\n');
}

function row(key: SettingKey): string {
  const { fallback, fromFile, allowed, help } = SETTINGS[key];
  const value = fallback === undefined ? '–' : `\`${fallback}\``;
  return `| \`${key}\`${fromFile ? ' *file*' : ''} | ${value} | ${cell(allowed)} | ${cell(help)} |`;
}

function cell(text: string): string {
  return text.replaceAll('|', '\\|');
}
