import { isDeepStrictEqual } from 'node:util';
import { afterEach, describe, expect, test } from '@jest/globals';
import { followLiveRows, startBridgeRole } from '../../../src/bridge';
import { loadConfig } from '../../../src/config';
import { printableRow, printableVisit, STATE_COLUMNS, VISIT_COLUMNS } from '../../../src/conversation';
import { startFoldRole } from '../../../src/fold';
import type { ReconciliationTimings } from '../../../src/genesys';
import { createLocalSchemas, createMemoryLog, createRowReader, createVisitCodec, topicNames } from '../../../src/log';
import { createMetrics } from '../../../src/ops';
import type { Simulator } from '../../../src/simulator';
import { readAll } from '../../support/log/read-all';
import { until as untilSeldomChecked } from '../../support/processes/until';
import { createStage, PATIENCE_MS, quietLogger, until } from './support';

const COLUMNS = STATE_COLUMNS.filter((column) => !column.startsWith('db_'));
const FAST: Partial<ReconciliationTimings> = {
  compareEveryMs: 300,
  graceMs: 200,
  againAfterMs: 50,
};
/** Long lives and many of them, fast; what ended is forgotten at once, so that REST answers 404. */
const BUSY = { speed: 100, conversationsPerSecond: 0.5, queues: 4, requestsPerMinute: 1_000_000, forgetAfterMs: 1 };

const stage = createStage();
const running: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const stop of running.splice(0).reverse()) await stop();
  await stage.stopAll();
});

/** A log and a fold that go on while bridges come and go. */
async function aPipeline() {
  const topics = topicNames('reconciled');
  const metrics = createMetrics();
  const logger = quietLogger([]);
  const log = createMemoryLog({ partitions: 2, logger, metrics });
  running.push(() => log.close());
  const schemas = createLocalSchemas();
  const parts = { config: loadConfig({ env: {} }), logger, metrics, log, schemas, topics };
  const fold = await startFoldRole(parts);
  running.push(() => fold.stop());
  const live = followLiveRows({
    log,
    topic: topics.state,
    reader: createRowReader(schemas),
    metrics,
    logger,
  });
  running.push(() => live.stop());
  return {
    metrics,
    /** The last version of each visit, by its participant, without when it was written. */
    visits: async (): Promise<ReadonlyMap<string, PrintedVisit>> => {
      const records = await readAll(log, topics.visits);
      const codec = await createVisitCodec(schemas, topics);
      await codec.prepare(records.map(({ value }) => value));
      const visits = records.flatMap(({ value }) => {
        const decoded = value === null ? null : codec.decode(value);
        return decoded?.ok === true ? [decoded.value] : [];
      });
      return new Map(visits.map((visit) => [visit.participant_id, withoutWritten(printableVisit(visit))]));
    },
    bridge: async (simulator: Simulator) => {
      const genesys = { credentials: simulator, urls: simulator };
      const timings = { backgroundEveryMs: 1 };
      const bridge = await startBridgeRole({ ...parts, genesys, reconciliation: FAST, timings });
      let stopping: Promise<void> | null = null;
      const stop = () => (stopping ??= bridge.stop());
      running.push(stop);
      return { stop };
    },
    rows: () =>
      [...live.rows()]
        .map((row) => printableRow(row, COLUMNS))
        .sort((a, b) => (String(a['conversation_id']) < String(b['conversation_id']) ? -1 : 1)),
  };
}

type Pipeline = Awaited<ReturnType<typeof aPipeline>>;
type PrintedVisit = Readonly<Record<string, unknown>>;

function withoutWritten(visit: PrintedVisit): PrintedVisit {
  return Object.fromEntries(
    VISIT_COLUMNS.filter((name) => name !== 'db_last_updated').map((name) => [name, visit[name]]),
  );
}

async function untilTrue(pipeline: Pipeline, simulator: Simulator): Promise<void> {
  const isTrue = (): boolean => isDeepStrictEqual(pipeline.rows(), simulator.truth().conversations);
  // Each check prints all rows, so there are few.
  await untilSeldomChecked('the rows to be the truth', PATIENCE_MS, isTrue).catch(() =>
    expect(pipeline.rows()).toEqual(simulator.truth().conversations),
  );
}

/** Lets the organisation go on until so many notifications more have been sent, to whoever listens. */
async function goOn(simulator: Simulator, events: number): Promise<void> {
  const before = simulator.truth().events;
  simulator.resume();
  await until(() => simulator.truth().events >= before + events);
  simulator.pause();
}

const untilListening = (simulator: Simulator): Promise<void> =>
  until(() => simulator.channels().some(({ isOpen }) => isOpen));

/** A first bridge follows so many notifications, and stops when the rows are the truth. */
async function followed(pipeline: Pipeline, simulator: Simulator, events: number): Promise<void> {
  const bridge = await pipeline.bridge(simulator);
  await untilListening(simulator);
  await goOn(simulator, events);
  await untilTrue(pipeline, simulator);
  await bridge.stop();
}

describe('what happened while nobody listened', () => {
  test('before the very first bridge: every conversation that is in a queue is found', async () => {
    const simulator = await stage.simulate(BUSY);
    const pipeline = await aPipeline();
    await goOn(simulator, 300);
    expect(simulator.truth().conversations.length).toBeGreaterThan(5);
    await pipeline.bridge(simulator);
    await untilTrue(pipeline, simulator);
  });

  test('between two bridges: conversations that began, changed and ended', async () => {
    const simulator = await stage.simulate(BUSY);
    const pipeline = await aPipeline();
    await followed(pipeline, simulator, 300);
    const before = pipeline.rows();
    await goOn(simulator, 300);
    const ids = (rows: readonly object[]) =>
      new Set(rows.map((row) => (row as { conversation_id: string }).conversation_id));
    const [had, has] = [ids(before), ids(simulator.truth().conversations)];
    expect([...had].filter((id) => !has.has(id)).length).toBeGreaterThan(0);
    expect([...has].filter((id) => !had.has(id)).length).toBeGreaterThan(0);
    await pipeline.bridge(simulator);
    await untilTrue(pipeline, simulator);
  });

  test('what became of the visits of conversations that ended, which Genesys still knows', async () => {
    const simulator = await stage.simulate({ ...BUSY, forgetAfterMs: 30 * 24 * 3_600_000 });
    const pipeline = await aPipeline();
    await followed(pipeline, simulator, 300);
    const before = await pipeline.visits();
    await goOn(simulator, 300);
    await pipeline.bridge(simulator);
    await untilTrue(pipeline, simulator);

    const { visits } = (await (await fetch(`${simulator.apiUrl}/truth`)).json()) as {
      readonly visits: readonly PrintedVisit[];
    };
    const truth = new Map(visits.map((visit) => [visit['participant_id'], withoutWritten(visit)]));
    const after = await pipeline.visits();
    expect([...after.values()].filter(({ outcome }) => outcome === 'unknown')).toEqual([]);
    for (const [id, visit] of after) expect(visit).toEqual(truth.get(id));
    // In the gap: callers who waited before it were answered, or left.
    const ended = [...after].filter(
      ([id, { outcome }]) => before.get(id)?.['outcome'] === 'waiting' && outcome !== 'waiting',
    );
    expect(ended.length).toBeGreaterThan(0);
    expect(ended.filter(([, visit]) => visit['left_time'] === null)).toEqual([]);
  });

  test('while a socket was lost', async () => {
    const simulator = await stage.simulate(BUSY);
    const pipeline = await aPipeline();
    await pipeline.bridge(simulator);
    await untilListening(simulator);
    simulator.resume();
    for (let drops = 0; drops < 5; drops++) {
      const { events } = simulator.truth();
      simulator.dropSockets();
      await until(() => simulator.truth().events > events + 100);
    }
    simulator.pause();
    await untilTrue(pipeline, simulator);
  });

  test('an organisation that knows none of the rows any more: all of them go', async () => {
    const simulator = await stage.simulate(BUSY);
    const pipeline = await aPipeline();
    await followed(pipeline, simulator, 200);
    expect(pipeline.rows().length).toBeGreaterThan(0);
    const other = await stage.simulate({ ...BUSY, day: 1 });
    await pipeline.bridge(other);
    await until(() => pipeline.rows().length === 0);
  });
});
