import { randomUUID } from 'node:crypto';
import { type ConversationEvent, type QueueConversation, hasRealTimes } from '../../../src/conversation';
import { type OutRecord, partitionOf, type ValueCodec } from '../../../src/log';
import type { Random } from '../../support/processes/random';
import type { Corpus } from './input-corpus';
import { createDeadLetters, createLiveKeys, FOREIGN, placeOf } from './input-followers';
import { type InputPipeline, PARTITIONS } from './input-pipeline';
import { damaged, mutatedLine } from './mutations';

/** How much is fed before all of it is checked. */
export interface BatchSize {
  readonly lines: number;
  readonly records: number;
  /** Few: ClickHouse refuses some, and each of these is sent to it five times. */
  readonly stateRecords: number;
}

export interface Fed {
  readonly inputs: number;
  readonly lines: Readonly<Record<'event' | 'skip' | 'invalid' | 'blank', number>>;
  readonly records: Readonly<Record<'readable' | 'invalid', number>>;
  readonly stateRecords: Readonly<Record<'readable' | 'invalid', number>>;
  readonly deadLetters: number;
  /** The greatest dead letter, bytes. */
  readonly largestLetter: number;
}

/** 64 KB of body, and what stands around it. */
const LARGEST_LETTER = 80 * 1024;
const HOUR_MS = 3_600_000;

/** Feeds batches of lines and records, and checks what became of each. */
export class InputBatches {
  private readonly lines = { event: 0, skip: 0, invalid: 0, blank: 0 };
  private readonly records = { readable: 0, invalid: 0 };
  private readonly stateRecords = { readable: 0, invalid: 0 };
  private readonly letters = createDeadLetters();
  private readonly live = createLiveKeys();
  private inputs = 0;

  private constructor(
    private readonly pipeline: InputPipeline,
    private readonly size: BatchSize,
  ) {}

  static async over(pipeline: InputPipeline, size: BatchSize): Promise<InputBatches> {
    const batches = new InputBatches(pipeline, size);
    const { topics, follow } = pipeline;
    await follow(topics.deadLetters, batches.letters.see);
    await follow(topics.state, batches.live.see);
    await follow(topics.visits, () => undefined);
    return batches;
  }

  fed(): Fed {
    const { inputs, lines, records, stateRecords, letters } = this;
    return { inputs, lines, records, stateRecords, deadLetters: letters.count(), largestLetter: letters.largest() };
  }

  /**
   * One batch, received at `now` (epoch ms) and within the hour after it.
   * @throws Error where something invalid became no dead letter, or something readable did, or a good conversation did not pass behind the batch
   */
  async feed(random: Random, corpus: Corpus, now: number): Promise<void> {
    const { pipeline, letters } = this;
    const base = Array.from({ length: this.size.lines }, () =>
      this.takeLine(mutatedLine(random, corpus.draw(random), now + random.below(HOUR_MS)), now),
    ).flatMap((record) => record ?? []);
    const invalid = new Set(await this.sendEvents(random, base));
    await pipeline.folded();
    for (const place of await this.sendStateRecords(random, now)) invalid.add(place);
    await pipeline.stored();
    await pipeline.until('every invalid record is a dead letter', () =>
      [...invalid].every((place) => letters.has(place)),
    );
    const refused = letters.places().find((place) => !invalid.has(place));
    if (refused !== undefined) throw new Error(`${refused}: dead-lettered, though it can be read`);
    letters.forget();
    if (letters.largest() > LARGEST_LETTER) throw new Error(`a dead letter of ${letters.largest()} bytes`);
    const before = letters.count();
    await this.checkGood(now + 2 * HOUR_MS);
    if (letters.count() !== before) throw new Error('a good conversation was dead-lettered');
    await this.endAll(now + 3 * HOUR_MS);
  }

  /** One line of the way in: never an exception, and a dead letter where it is invalid. */
  private takeLine(line: Buffer, now: number): OutRecord | null {
    const { ingest, topics } = this.pipeline;
    const ingested = ingest.line(line, now, 'fuzz');
    this.inputs++;
    this.lines[ingested?.kind ?? 'blank']++;
    if (ingested === null || ingested.kind === 'skip') return null;
    if (ingested.kind === 'invalid' && ingested.record.topic !== topics.deadLetters) throw new Error('no dead letter');
    return ingested.record;
  }

  /** What came of the lines, and damaged events behind them; answers where those stand that nobody can read. */
  private async sendEvents(random: Random, base: readonly OutRecord[]): Promise<readonly string[]> {
    const { topics, events, producer, endOffsets } = this.pipeline;
    const good = base.filter(({ topic, value }) => topic === topics.events && value !== null);
    const bad = Array.from({ length: this.size.records }, () => ({
      ...damaged(random, good[random.below(good.length)] ?? null),
      ...{ topic: topics.events, partition: random.below(PARTITIONS) },
    }));
    this.inputs += bad.length;
    const places = createPlaces(topics.events, await endOffsets(topics.events));
    const invalid: string[] = [];
    const schemaId = events.encode(ANY_EVENT).readInt32BE(1);
    for (const { key } of good) places.next(partitionOf(key ?? '', PARTITIONS));
    for (const record of bad) {
      const place = places.next(record.partition);
      const isReadable = canBeRead(record, events, schemaId);
      if (!isReadable) invalid.push(place);
      this.records[isReadable ? 'readable' : 'invalid']++;
    }
    await producer.send([...base, ...bad]);
    return invalid;
  }

  /** Damaged rows; answers where those stand that nobody can read. */
  private async sendStateRecords(random: Random, now: number): Promise<readonly string[]> {
    const { topics, rows, producer, endOffsets } = this.pipeline;
    const places = createPlaces(topics.state, await endOffsets(topics.state));
    const invalid: string[] = [];
    for (const row of this.live.some().slice(0, this.size.stateRecords)) {
      const record = damaged(random, row);
      const partition = random.below(PARTITIONS);
      const place = places.next(partition);
      const isReadable = record.key !== null && (record.value === null || (await decodes(record.value, rows)));
      if (!isReadable) invalid.push(place);
      this.stateRecords[isReadable ? 'readable' : 'invalid']++;
      this.inputs++;
      await producer.send([{ ...record, headers: FOREIGN, topic: topics.state, partition, timestamp: now }]);
    }
    return invalid;
  }

  /** A good conversation in each partition: its row is in the table, and gone when it has ended. */
  private async checkGood(now: number): Promise<void> {
    const { pipeline } = this;
    const ids = Array.from({ length: PARTITIONS }, (_, partition) => goodId(partition));
    const send = async (at: number, state: string): Promise<readonly string[]> => {
      const lines = ids.map((id) => pipeline.ingest.line(Buffer.from(goodLine(id, at, state)), at, 'fuzz'));
      await pipeline.producer.send(lines.flatMap((line) => (line?.kind === 'event' ? line.record : [])));
      await pipeline.folded();
      await pipeline.stored();
      return pipeline.rowsOf(ids);
    };
    if ((await send(now, 'connected')).length !== PARTITIONS) throw new Error('a good conversation did not pass');
    if ((await send(now + 1_000, 'disconnected')).length !== 0) throw new Error('a good conversation did not end');
  }

  /** The table would grow for ever. */
  private async endAll(now: number): Promise<void> {
    const { pipeline, live } = this;
    const gone = (id: string) => pipeline.ingest.gone(id, now, 'has-row').record;
    await pipeline.producer.send(live.keys().map(({ id, partition }) => ({ ...gone(id), partition })));
    await pipeline.folded();
    await pipeline.stored();
  }
}

/** Where records will stand. */
function createPlaces(topic: string, ends: ReadonlyMap<number, number>) {
  const offsets = new Map(ends);
  return {
    next(partition: number): string {
      const offset = offsets.get(partition) ?? 0;
      offsets.set(partition, offset + 1);
      return placeOf(topic, partition, offset);
    },
  };
}

const ANY_EVENT: ConversationEvent = {
  ...{ conversationId: 'c', receivedAt: 0, source: 'rest', gone: true, participants: [], fingerprint: null },
};

/** What the fold must be able to read, by the rules of docs/design.md. */
function canBeRead(
  { key, value }: Pick<OutRecord, 'key' | 'value'>,
  events: ValueCodec<ConversationEvent>,
  schemaId: number,
): boolean {
  if (value === null || key === null || value.length < 5 || value[0] !== 0) return false;
  if (value.readInt32BE(1) !== schemaId) return false;
  const decoded = events.decode(value);
  if (!decoded.ok) return false;
  const id = decoded.value.conversationId;
  return id !== '' && Buffer.from(id).equals(Buffer.from(key)) && hasRealTimes(decoded.value);
}

async function decodes(value: Buffer, rows: ValueCodec<QueueConversation>): Promise<boolean> {
  await rows.prepare([value]);
  return rows.decode(value).ok;
}

function goodId(partition: number): string {
  for (;;) {
    const id = `good-${randomUUID()}`;
    if (partitionOf(id, PARTITIONS) === partition) return id;
  }
}

function goodLine(id: string, at: number, state: string): string {
  const leg = { id: `${id}-leg`, state, connectedTime: new Date(at).toISOString() };
  const participants = [{ id: `${id}-acd`, purpose: 'acd', queueId: 'q', calls: [leg] }];
  return JSON.stringify({ receivedAt: new Date(at).toISOString(), event: { id, participants } });
}
