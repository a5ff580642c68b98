import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { type Simulator, startSimulator } from '../../../src/simulator';
import { genesysSettings } from '../../support/genesys/genesys-settings';
import {
  servicesForProcesses,
  startQueuefold,
  type Environment,
  type QueuefoldProcess,
  type ServicesForProcesses,
} from '../../support/processes/pipeline-processes';
import { until } from '../../support/processes/until';

const PREFIX = `names-${Date.now().toString(36)}`;
const LIMIT_MS = 120_000;
const LONG_MS = 900_000;
const disposers: (() => Promise<unknown>)[] = [];
let services: ServicesForProcesses;
let simulator: Simulator;
let env: Environment;
const database = (): string => services.env.CLICKHOUSE_DATABASE;

beforeAll(async () => {
  services = await servicesForProcesses();
  disposers.push(services.dispose);
  const busy = { queues: 2, speed: 60, conversationsPerSecond: 0.15, requestsPerMinute: 1_000_000 };
  simulator = await startSimulator({ ...busy, seed: 5, startPaused: true });
  disposers.push(() => simulator.stop());
  env = {
    ...services.env,
    PARTITIONS: '2',
    TOPIC_PREFIX: PREFIX,
    SINK_FLUSH_MS: '50',
    ...genesysSettings(simulator),
  };
});
afterAll(async () => {
  for (const dispose of disposers.reverse()) await dispose();
});

function start(command: string, more: Environment = {}): QueuefoldProcess {
  const started = startQueuefold([command], { ...env, ...more });
  disposers.push(() => started.kill());
  return started;
}

type Row = Readonly<Record<string, unknown>>;
async function rows(sql: string): Promise<readonly Row[]> {
  const text = await services.query(`${sql} FORMAT JSONEachRow`);
  return text
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as Row);
}
const queuesOf = async () =>
  Object.fromEntries(
    (await rows(`SELECT DISTINCT queue_id, queue_name FROM ${database()}.queue_live`)).map((row) => [
      String(row['queue_id']),
      row['queue_name'],
    ]),
  );
const agents = () =>
  rows(`SELECT user_id, user_name FROM ${database()}.queue_conversation_named WHERE user_id IS NOT NULL`);
const changeQueues = (body: object) =>
  fetch(`${simulator.apiUrl}/control/queues`, { method: 'POST', body: JSON.stringify(body) });

test(
  'names stand beside the ids, follow the organization, and go when nobody wants them any longer',
  async () => {
    await start('setup').done();
    const [fold, sink] = [start('fold'), start('sink')];
    const first = start('bridge');
    await Promise.all([fold, sink, first].map((role) => role.ready()));
    simulator.resume();
    const [kept, removed] = simulator.queues.map(({ id }) => id);
    await until('both queues and an agent in the table', LIMIT_MS, async () => {
      return Object.keys(await queuesOf()).length === 2 && (await agents()).length > 0;
    });
    simulator.pause();

    await until('the queues’ names', LIMIT_MS, async () => {
      expect(await queuesOf()).toEqual({ [kept ?? '']: 'Queue 1', [removed ?? '']: 'Queue 2' });
      return true;
    });
    // Users’ names are not wanted unless somebody says so: the id stands for the name.
    for (const { user_id: id, user_name: name } of await agents()) expect(name).toBe(id);

    await changeQueues({ rename: { [kept ?? '']: 'Sales "EMEA"' }, remove: [removed] });
    // Names are looked at every quarter of an hour, and at the start of a bridge; again soon where one is missing.
    await first.stop();
    const bridge = start('bridge');
    await until('the new name, and that of a queue that is gone', LIMIT_MS, async () => {
      expect(await queuesOf()).toEqual({ [kept ?? '']: 'Sales "EMEA"', [removed ?? '']: 'Queue 2' });
      const gone = await rows(`SELECT id FROM ${database()}.names FINAL WHERE gone_since IS NOT NULL`);
      expect(gone).toEqual([{ id: removed }]);
      return true;
    });
    expect(await bridge.get('/metrics')).toMatch(
      /^queuefold_bridge_name_changes_total\{kind="queue",change="gone"\} 1$/m,
    );
    await bridge.stop();

    const withUsers = start('bridge', { NAMES_OF: 'users' });
    await until('names of users, and none of queues', LIMIT_MS, async () => {
      expect(new Set(await queuesOf().then(Object.values))).toEqual(new Set([kept, removed]));
      return (await agents()).every(({ user_name: name }) => /^(Agent|Supervisor) \d+$/.test(String(name)));
    });
    await withUsers.stop();

    const without = start('bridge', { NAMES_OF: 'queues' });
    await until('no names of users', LIMIT_MS, async () => {
      const users = await rows(`SELECT id FROM ${database()}.names WHERE kind = 'user' AND name != ''`);
      return users.length === 0 && (await queuesOf())[kept ?? ''] === 'Sales "EMEA"';
    });
    expect((await agents()).length).toBeGreaterThan(0);
    for (const { user_id: id, user_name: name } of await agents()) expect(name).toBe(id);
    await without.stop();
    await Promise.all([fold.stop(), sink.stop()]);
  },
  LONG_MS,
);
