import { cp, readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import { type KafkaSinkScene, openKafkaSinkScene } from '../../support/clickhouse/kafka-sink';
import { tableOf } from '../../support/clickhouse/sink';

/** A broker that is killed, gets an older copy of a topic, and starts again, with the sink behind it. */
let scene: KafkaSinkScene;

beforeAll(async () => {
  scene = await openKafkaSinkScene();
});
beforeEach(() => scene.tests.clear());
afterAll(() => scene.dispose());

describe('a topic of which the sink has stored something', () => {
  /** Restores what Kafka had of it before the change. */
  const goBack = async (topic: string, change: () => Promise<void>): Promise<void> => {
    const { kafka } = scene;
    const paths = await readdir(kafka.dataDir, { recursive: true });
    const folder = join(kafka.dataDir, paths.find((path) => path.endsWith(`${topic}-0`)) ?? topic);
    const copy = join(kafka.dataDir, `copy-of-${topic}`);
    await kafka.kill9();
    await cp(folder, copy, { recursive: true });
    await kafka.restart();
    await change();
    await kafka.kill9();
    await rm(folder, { recursive: true });
    await cp(copy, folder, { recursive: true });
    await kafka.restart();
  };

  test('a running sink ends if its topic goes back to an older copy, and the next one takes what the topic has', async () => {
    const { tests, newTopic, put, startOn, hasStored, endsWith } = scene;
    const topic = await newTopic(1);
    await put(topic, ['a', '1'], ['b', '1']);
    const sink = await startOn(topic);
    await hasStored(topic, sink);
    await goBack(topic, async () => {
      await put(topic, ['a', 'lost'], ['b', null], ['c', 'lost']);
      await hasStored(topic, sink);
    });
    await endsWith(sink, /ends at offset 2, but ClickHouse .* holds it up to 5.*older copy.*Start the sink again/);
    await put(topic, ['a', '2']);
    const again = await startOn(topic);
    await hasStored(topic, again);
    expect(await tableOf(tests)).toEqual({ a: '2', b: '1' });
    await again.stop();
  });

  test('a starting sink ends if its topic went back and has grown since, and the next one takes what the topic has', async () => {
    const { tests, newTopic, put, startOn, hasStored, endsWith } = scene;
    const topic = await newTopic(1);
    await put(topic, ['a', '1'], ['b', '1']);
    await goBack(topic, async () => {
      await put(topic, ['a', 'lost'], ['c', 'lost']);
      const sink = await startOn(topic);
      await hasStored(topic, sink);
      await sink.stop();
    });
    await put(topic, ['d', '1'], ['e', '1'], ['a', '2']);
    await endsWith(await startOn(topic), /another record at offset [23] than ClickHouse .*older copy/);
    const again = await startOn(topic);
    await hasStored(topic, again);
    expect(await tableOf(tests)).toEqual({ a: '2', b: '1', d: '1', e: '1' });
    await again.stop();
  });
});
