import {
  CHECKPOINT_KEY,
  digestOf,
  type FoldCheckpoint,
  type Headers,
  type LogRecord,
  type RecordMark,
  type Task,
  type TaskOutput,
  type TopicMark,
} from '../log';
import type { OwnChangelog } from './own-changelog';

/** What a task's next checkpoint says: each transaction of a task writes one. */
export class NextCheckpoint {
  readonly #changelog: OwnChangelog;
  readonly #headers: Headers;
  #greatestReceivedAt: number | null = null;
  #topics: readonly TopicMark[] = [];
  /** The mark of the last folded record. */
  #last: RecordMark | null = null;

  /** @param headers the marks of the schemas with which the changelog is written */
  constructor(changelog: OwnChangelog, headers: Headers) {
    this.#changelog = changelog;
    this.#headers = headers;
  }

  /** The task continues from this checkpoint. */
  restored({ receivedAt }: FoldCheckpoint): void {
    this.#greatestReceivedAt = receivedAt;
  }

  /** @see Task.begin */
  begin({ topics, last }: Parameters<Task['begin']>[0]): void {
    this.#topics = topics;
    this.#last = last;
  }

  /** An event with this receive time was folded, epoch ms. */
  received(at: number): void {
    this.#greatestReceivedAt = Math.max(this.#greatestReceivedAt ?? -Infinity, at);
  }

  /** This is now the last record that was folded. */
  folded(record: LogRecord): void {
    this.#last = { offset: record.offset, digest: digestOf(record) };
  }

  record(nextOffset: number): TaskOutput['changelog'][number] {
    const value = this.#changelog.encodeCheckpoint({
      nextOffset,
      receivedAt: this.#greatestReceivedAt,
      topics: this.#topics,
      last: this.#last,
    });
    return { key: CHECKPOINT_KEY, value, headers: this.#headers };
  }
}
