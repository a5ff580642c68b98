import { createHmac, randomBytes } from 'node:crypto';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { pino } from 'pino';
import { TABLE_COLUMNS } from '../../src/conversation';
import { createKafkaLog, type LogRecord } from '../../src/log';
import { type Behaviour, type Simulator, startSimulator } from '../../src/simulator';
import {
  addressesAndSubjects,
  ALL_REASONS,
  broken,
  brokenRecordings,
  marksEverywhere,
  MOST_BYTES,
  recorded,
  skipped,
  type Json,
} from '../support/genesys/personal-frames';
import { createStockAdmin } from '../support/kafka/kafka-admin';
import { readAll } from '../support/log/read-all';
import {
  servicesForProcesses,
  startGateway,
  startQueuefold,
  type Environment,
  type QueuefoldProcess,
  type ServicesForProcesses,
} from '../support/processes/pipeline-processes';
import { outputsOf, place, placesWith, topicPlace, type Place } from '../support/processes/places';
import { until } from '../support/processes/until';

/**
 * What somebody who may read everything of queuefold's gets to see of people: all topics, tables, logs and metrics of the
 * real processes are searched, byte by byte.
 */

const run = randomBytes(4).toString('hex');
const SETTINGS: Environment = {
  PARTITIONS: '4',
  LOG_LEVEL: 'trace',
  SINK_FLUSH_MS: '100',
  LIMIT_SNAPSHOT_BYTES: String(MOST_BYTES),
};
const LIMIT_MS = 120_000;
const LONG_MS = 900_000;

let services: ServicesForProcesses;
const disposers: (() => Promise<unknown>)[] = [];

beforeAll(async () => {
  services = await servicesForProcesses();
  disposers.push(() => services.dispose());
});

afterAll(async () => {
  for (const dispose of disposers.reverse()) await dispose();
});

describe('personal data', () => {
  test(
    'that the table does not use are in no topic, table, log or metric, whatever is sent',
    async () => {
      // Short: what quotes no more than the beginning of a text, as the engine's errors do, is found too.
      const mark = `m4${randomBytes(3).toString('hex')}`;
      // As a key, a word like this could be a field of Genesys's; it is one of the customer's where keys are free.
      const word = Array.from(randomBytes(16), (byte) => String.fromCharCode(97 + (byte % 26))).join('');
      const people = { mark, word };
      const marked: string[] = [];
      let frames = 0;
      const live = await playLive({
        name: 'marked',
        mark,
        settings: {},
        alter: (text) => {
          const frame = marksEverywhere(JSON.parse(text) as Json, people);
          marked.push(JSON.stringify(frame));
          return frames++ % 20 === 0
            ? [...broken(frame, mark), ...skipped(frame, mark), JSON.stringify(frame)]
            : [JSON.stringify(frame)];
        },
      });
      const recording = [
        ...marked.slice(0, 300).map((text) => recorded(JSON.parse(text) as Json)),
        ...marked.slice(0, 3).flatMap((text) => broken(JSON.parse(text) as Json, mark)),
        ...marked.slice(0, 3).flatMap((text) => skipped(JSON.parse(text) as Json, mark)),
        ...brokenRecordings(JSON.parse(marked[0] ?? '') as Json, mark),
      ];
      const replayed = await replayRecording('marked', recording, {});

      const places = [...live.places, ...replayed.places];
      // The search finds what is there …
      const conversation = live.truth[0]?.conversation_id ?? '';
      expect(marked.join().split(mark).length).toBeGreaterThan(10_000);
      expect(live.truth.length).toBeGreaterThan(10);
      expect(placesWith([conversation], places)).toEqual(
        expect.arrayContaining([
          `topic ${live.prefix}.conversation.events.v1`,
          `topic ${live.prefix}.queue-conversation.v1`,
          `topic ${live.prefix}.queue-conversation.changelog.v1`,
          `table ${live.database}.queue_conversation`,
          `table ${live.database}.queue_conversation_history`,
          `table ${live.database}.queue_conversation_state`,
        ]),
      );
      expect(placesWith(['queuefold_dead_letters_total{stage="bridge"'], places)).toEqual(['/metrics of live bridge']);
      expect(placesWith(['sent a snapshot to the dead letters'], places)).toEqual(['log of live bridge']);
      expect(reasonsOf(live.deadLetters)).toEqual(ALL_REASONS.map((reason) => `bridge ${reason}`));
      expect(reasonsOf(replayed.deadLetters)).toEqual([
        'fold too-large',
        ...ALL_REASONS.map((reason) => `replay ${reason}`),
      ]);
      // … and there is nothing of what must not be there.
      expect(placesWith([mark, word], places)).toEqual([]);
    },
    LONG_MS,
  );

  test(
    'of the table itself are masked before Kafka with PRIVACY_MASK, and the key is found nowhere either',
    async () => {
      const key = `k${randomBytes(24).toString('hex')}y`;
      const settings = { PRIVACY_MASK: 'ani,dnis,subject', PRIVACY_KEY: key };
      const sent: Json[] = [];
      const live = await playLive({
        name: 'masked',
        mark: 'nobody',
        settings,
        alter: (text) => {
          const frame = JSON.parse(text) as Json;
          sent.push(frame);
          return sent.length % 20 === 1 ? [...broken(frame, 'nobody'), text] : [text];
        },
      });
      const recording = [
        ...sent.slice(0, 300).map(recorded),
        ...sent.slice(0, 3).flatMap((one) => broken(one, 'nobody')),
      ];
      const replayed = await replayRecording('masked', recording, settings);

      const personal = [...new Set(sent.flatMap(addressesAndSubjects))];
      const withoutScheme = personal.map((text) => text.replace(/^(?:tel|sip):/, ''));
      expect(personal.filter((text) => text.startsWith('tel:')).length).toBeGreaterThan(50);
      expect(personal).toEqual(expect.arrayContaining(['Order 10-2231', 'Re: Rechnung für März', '請求書について']));
      const places = [...live.places, ...replayed.places];
      expect(placesWith([...personal, ...withoutScheme], places)).toEqual([]);
      expect(placesWith([key.slice(0, key.length / 2), key.slice(key.length / 2)], places)).toEqual([]);

      const known = new Set(
        personal.map((text) => {
          const normalised = text.replace(/^tel:(?=\+)/, '');
          return `hmac-sha256:${createHmac('sha256', key).update(normalised).digest('hex')}`;
        }),
      );
      const inTopics = [live, replayed].map(({ prefix }) => masksIn(places, `topic ${prefix}.queue-conversation.v1`));
      for (const masks of inTopics) {
        expect(masks.length).toBeGreaterThan(20);
        expect(masks.filter((text) => !known.has(text))).toEqual([]);
      }
      for (const column of ['ani', 'dnis', 'subject']) {
        const query = `SELECT DISTINCT ${column} FROM ${live.database}.queue_conversation_history WHERE ${column} IS NOT NULL FORMAT TSV`;
        const values = lines(await services.query(query));
        expect(values.length).toBeGreaterThan(3);
        expect(values.filter((text) => !known.has(text))).toEqual([]);
      }
    },
    LONG_MS,
  );
});

// ------------------------------------------------------------------------------------------------ what people send

interface Run {
  readonly prefix: string;
  readonly database: string;
  readonly places: readonly Place[];
  readonly deadLetters: readonly LogRecord[];
}

const WANTED: readonly Behaviour[] = [
  'call',
  'callback',
  'chat',
  'email',
  'message',
  'answered',
  'wrap-up',
  'monitor',
  'secondary-session',
  'two-queues',
];

interface LiveOptions {
  readonly name: string;
  readonly mark: string;
  readonly settings: Environment;
  readonly alter: (frame: string) => readonly string[];
}

/** A simulated organisation and the three roles, until everything is in the table; then all of it is collected. */
async function playLive(
  options: LiveOptions,
): Promise<Run & { readonly truth: ReturnType<Simulator['truth']>['conversations'] }> {
  const { name, mark, settings, alter } = options;
  const prefix = `${name}-${run}-live`;
  const own = services.newDatabase();
  const busy = { queues: 6, speed: 60, conversationsPerSecond: 0.5 };
  const simulator = await startSimulator({ ...busy, seed: 7, mark, startPaused: true });
  disposers.push(() => simulator.stop());
  let passedOn = 0;
  const gateway = await startGateway(simulator, (text) => {
    const frames = text.includes('"eventBody":{"id"') ? alter(text) : [text];
    passedOn += frames.length;
    return frames;
  });
  disposers.push(() => gateway.stop());
  const env = {
    ...services.env,
    ...SETTINGS,
    ...settings,
    TOPIC_PREFIX: prefix,
    CLICKHOUSE_DATABASE: own,
    GENESYS_CLIENT_ID: simulator.clientId,
    GENESYS_CLIENT_SECRET: simulator.clientSecret,
    GENESYS_LOGIN_URL: gateway.url,
    GENESYS_API_URL: gateway.url,
  };
  const setup = start(['setup'], env);
  await setup.done();
  const [bridge, fold, sink] = [start(['bridge'], env), start(['fold'], env), start(['sink'], env)];
  const roles = [bridge, fold, sink];
  await Promise.all(roles.map((role) => role.ready()));

  simulator.resume();
  await until('all media, and a few hundred events', LIMIT_MS, () => {
    const counts = simulator.behaviours();
    return simulator.truth().events >= 400 && WANTED.every((behaviour) => counts[behaviour] > 0);
  });
  simulator.pause();
  const truth = simulator.truth().conversations;
  await until('the bridge to have heard everything', LIMIT_MS, async () => (await heardBy(bridge)) === passedOn);
  const masked = new Set((settings['PRIVACY_MASK'] ?? '').split(','));
  const compared = TABLE_COLUMNS.filter((column) => !column.startsWith('db_') && !masked.has(column));
  const comparable = (row: Json) => Object.fromEntries(compared.map((column) => [column, row[column]]));
  const wanted = truth.map((row) => comparable({ ...row }));
  await until('the table to be the truth', LIMIT_MS, async () => {
    const query = `SELECT * FROM ${own}.queue_conversation ORDER BY conversation_id FORMAT JSONEachRow SETTINGS date_time_output_format = 'iso'`;
    const rows = lines(await services.query(query)).map((row) => comparable(JSON.parse(row) as Json));
    return isDeepStrictEqual(rows, wanted);
  });

  const answers = await Promise.all(
    roles.flatMap((role) =>
      (['/metrics', '/health/ready'] as const).map(async (path) =>
        place(`${path} of live ${role.name}`, await role.get(path)),
      ),
    ),
  );
  for (const role of roles) await role.stop();
  const logs = [setup, ...roles].flatMap((role) => outputsOf('live', role));
  return { ...(await collected(prefix, own, [...answers, ...logs])), truth };
}

/** Frames of all kinds that the bridge has counted. */
async function heardBy(bridge: QueuefoldProcess): Promise<number> {
  const counts = (await bridge.get('/metrics')).matchAll(/^queuefold_bridge_notifications_total\{.*\} (\d+)$/gm);
  return [...counts].reduce((sum, [, count]) => sum + Number(count), 0);
}

async function replayRecording(
  name: string,
  recording: readonly (string | Buffer)[],
  settings: Environment,
): Promise<Run> {
  const prefix = `${name}-${run}-replay`;
  const own = services.newDatabase();
  const file = join(services.folder, `${name}.ndjson`);
  await writeFile(file, Buffer.concat(recording.flatMap((line) => [Buffer.from(line), Buffer.from('\n')])));
  const flags = ['--log', 'kafka', '--store', 'clickhouse', '--keep', '--prefix', prefix, '--database', own];
  const replay = start(['replay', file, '--print', 'records', ...flags], { ...services.env, ...SETTINGS, ...settings });
  await replay.done();
  return collected(prefix, own, outputsOf('replay', replay));
}

function start(args: readonly string[], env: Environment): QueuefoldProcess {
  const started = startQueuefold(args, env);
  disposers.push(() => started.kill());
  return started;
}

/** Everything of a prefix and a database, whatever it is called. */
async function collected(prefix: string, own: string, more: readonly Place[]): Promise<Run> {
  const { brokers } = services;
  const stock = await createStockAdmin(brokers);
  const topics = (await stock.admin.listTopics()).filter((topic) => topic.startsWith(`${prefix}.`));
  await stock.close();
  const log = createKafkaLog({ brokers, clientId: 'personal-data', logger: pino({ enabled: false }) });
  const places: Place[] = [...more];
  const deadLetters: LogRecord[] = [];
  for (const topic of topics.sort()) {
    const records = await readAll(log, topic);
    if (topic.endsWith('.dead-letters.v1')) deadLetters.push(...records);
    places.push(topicPlace(topic, records));
  }
  await log.close();
  // Views with parameters show what is in the history, which is read itself.
  const readable = `database = '${own}' AND NOT match(create_table_query, '[{][a-z_]+:')`;
  const tables = lines(await services.query(`SELECT name FROM system.tables WHERE ${readable} FORMAT TSV`));
  for (const table of tables.filter((name) => !name.startsWith('.inner'))) {
    places.push(
      place(`table ${own}.${table}`, await services.query(`SELECT * FROM ${own}.${table} FORMAT JSONEachRow`)),
    );
  }
  return { prefix, database: own, places, deadLetters };
}

function masksIn(places: readonly Place[], name: string): readonly string[] {
  const bytes = places.find((one) => one.name === name)?.bytes.toString('latin1') ?? '';
  return bytes.match(/hmac-sha256:[0-9a-f]{64}/g) ?? [];
}

function reasonsOf(deadLetters: readonly LogRecord[]): readonly string[] {
  const reasons = deadLetters.map(({ headers }) => `${headers['error.stage'] ?? ''} ${headers['error.reason'] ?? ''}`);
  return [...new Set(reasons)].sort();
}

function lines(text: string): readonly string[] {
  return text.split('\n').filter((line) => line !== '');
}
