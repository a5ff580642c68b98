import { setImmediate as turn } from 'node:timers/promises';
import type { PackedStates, StateHead } from '../conversation';
import {
  CHECKPOINT_KEY,
  checkSchemaMarks,
  type FoldCheckpoint,
  type LogRecord,
  type SchemaSource,
  writerOf,
} from '../log';
import type { OwnChangelog } from './own-changelog';

/** Takes about 10 ms. */
const RESTORED_AT_ONCE = 2_000;

export interface RestoreOptions {
  readonly schemas: SchemaSource;
  /** The changelog's topic, for messages. */
  readonly topic: string;
  readonly changelog: OwnChangelog;
  /** It gets the states as bytes. */
  readonly states: PackedStates;
  /** Called for each state once all are there. `bytes` is valid during the call. */
  readonly onState: (id: string, bytes: Buffer, head: StateHead) => void;
}

/** The restore of one task from its changelog. */
export class Restore {
  readonly #options: RestoreOptions;
  /** The last record of the checkpoint that is not decoded yet, and the last one that is. */
  #written: LogRecord | null = null;
  #checkpoint: FoldCheckpoint | null = null;
  /** One value of each writer schema. */
  readonly #samples = new Map<number, Buffer>();

  constructor(options: RestoreOptions) {
    this.#options = options;
  }

  /** Keeps only the last record of each key, and decodes nothing before the changelog is read to its end. */
  take(record: LogRecord): void {
    if (record.key === null) return;
    const { states } = this.#options;
    const key = record.key.toString();
    if (record.value !== null) this.#sample(record.value);
    if (key === CHECKPOINT_KEY) this.#written = detached(record);
    else if (record.value === null) states.delete(key);
    else states.load(key, record.value);
  }

  /** One value of each writer schema is enough to prepare the codec, and the changelog may hold a million values. */
  #sample(value: Buffer): void {
    const writer = writerOf(value);
    if (writer !== null && !this.#samples.has(writer)) this.#samples.set(writer, Buffer.from(value));
  }

  /**
   * The changelog is read to its end. Returns its last checkpoint; null: it has none.
   * @throws OperatorError if a state or the checkpoint cannot be read
   */
  async end(): Promise<FoldCheckpoint | null> {
    const { schemas, topic, changelog, states, onState } = this.#options;
    const written = this.#written;
    this.#written = null;
    if (written !== null) await checkSchemaMarks(written.headers, schemas, topic);
    await changelog.prepare(this.#samples.values());
    this.#samples.clear();
    if (written !== null && written.value !== null) {
      this.#checkpoint = changelog.checkpointOf(written.offset, written.value);
    }
    let restored = 0;
    for (const id of states.ids()) {
      const bytes = states.bytesOf(id);
      if (bytes !== null) onState(id, bytes, changelog.headOf(id, bytes));
      // Hundreds of thousands take seconds. Without a pause this process would send no heartbeats meanwhile.
      if (++restored % RESTORED_AT_ONCE === 0) await turn();
    }
    return this.#checkpoint;
  }
}

/** A record keeps everything in memory that was fetched with it, which is megabytes in a restore. */
function detached({ topic, partition, offset, timestamp, key, value, headers }: LogRecord): LogRecord {
  const [ownKey, ownValue] = [key && Buffer.from(key), value && Buffer.from(value)];
  return { topic, partition, offset, timestamp, key: ownKey, value: ownValue, headers: { ...headers } };
}
