import type { LogRecord } from '../port';
import type { Member } from './backend';
import { createRecordQueue, type Taken } from './record-queue';

/**
 * Back-pressure. A paused reader wakes up to 100 ms later (kafkajs sleeps `maxWaitTimeInMs`), so `low` must last that
 * long.
 */
const HIGH = { records: 3_000, bytes: 6 * 1024 * 1024 };
const LOW = { records: 1_500, bytes: 3 * 1024 * 1024 };

/** The records that wait for a partition's task. The reader pauses while too many wait, or while the task is paused. */
export class Inbox {
  readonly #queue = createRecordQueue();
  readonly #member: Pick<Member, 'pause' | 'resume'>;
  readonly #partition: number;
  #paused: boolean;
  #isFull = false;
  #isHeld = false;

  constructor(member: Pick<Member, 'pause' | 'resume'>, partition: number, paused: boolean) {
    this.#member = member;
    this.#partition = partition;
    this.#paused = paused;
  }

  get paused(): boolean {
    return this.#paused;
  }

  pause(): void {
    this.#paused = true;
    this.#applyFlow();
  }

  resume(): void {
    this.#paused = false;
    this.#applyFlow();
  }

  size(): number {
    return this.#queue.size();
  }

  push(records: readonly LogRecord[], nextOffset: number): void {
    this.#queue.push(records, nextOffset);
  }

  take(max: number): Taken | null {
    const taken = this.#queue.take(max);
    if (taken !== null) this.updateFull();
    return taken;
  }

  putBack(records: readonly LogRecord[], nextOffset: number): void {
    this.#queue.putBack(records, nextOffset);
  }

  updateFull(): void {
    const limit = this.#isFull ? LOW : HIGH;
    this.#isFull = this.#queue.size() > limit.records || this.#queue.bytes() > limit.bytes;
    this.#applyFlow();
  }

  /** Empties the inbox before the reader starts; `opened` follows. */
  open(): void {
    this.#queue.clear();
    this.#isFull = false;
    this.#isHeld = false;
  }

  opened(): void {
    this.#applyFlow();
  }

  /** Stops the reader and drops all waiting records. */
  shut(): void {
    this.#member.pause(this.#partition);
    this.#queue.clear();
  }

  #applyFlow(): void {
    const wanted = this.#paused || this.#isFull;
    if (wanted === this.#isHeld) return;
    this.#isHeld = wanted;
    if (wanted) this.#member.pause(this.#partition);
    else this.#member.resume(this.#partition);
  }
}
