import { coalesce, type ConversationEvent, createRecentEvents, type Limits, type SnapshotEvent } from '../conversation';
import type { OutRecord, ValueCodec } from '../log';

/**
 * Records that wait for the log, in order. When many do, the snapshots of a conversation are merged (coalesce.ts): what
 * waits is then bounded by the conversations that are live, not by the time that the log is away.
 */
export interface Waiting {
  /** @param event what `record` holds, if it is a conversation's event */
  add(record: OutRecord, event: ConversationEvent | null): void;
  /** The oldest ones, of at most so many records and bytes (at least one). They are not changed any more. */
  take(most: { readonly records: number; readonly bytes: number }): readonly Entry[];
  /** The log has what was taken. */
  done(entries: readonly Entry[]): void;
  /** All that follow count those taken and not done. */
  records(): number;
  bytes(): number;
  conversations(): number;
  /** The number of the first that is not done: all before it are; infinite: all are. */
  first(): number;
  /** The last number given; what was added since is in one that was there before. */
  last(): number;
  /** When the first that is not done was added, epoch ms; null: all are done. */
  oldestAt(): number | null;
}

/** One record on its way. */
export interface Entry {
  /** Counts up; a merged entry has that of the first that went into it. */
  readonly number: number;
  readonly record: OutRecord;
  /** When the event was received, epoch ms; null: it is no event, but a dead letter. */
  readonly receivedAt: number | null;
}

export interface WaitingOptions {
  readonly events: ValueCodec<ConversationEvent>;
  readonly limits: Limits;
  /** Above either, snapshots are merged; until half of it. */
  readonly mergeAbove: { readonly records: number; readonly bytes: number };
  /** So many records fewer wait. */
  readonly onCoalesced: (records: number) => void;
}

interface Slot {
  readonly number: number;
  /** When it came, epoch ms. */
  readonly at: number;
  readonly receivedAt: number | null;
  record: OutRecord;
  readonly conversationId: string | null;
  readonly kind: 'snapshot' | 'duplicate' | 'other';
}

const KIND = { new: 'snapshot', duplicate: 'duplicate', doubtful: 'other' } as const;

interface Conversation {
  records: number;
  /** The latest, if it waits and may be merged into. */
  last: Slot | null;
}

/** What a record takes in memory beside its value: the objects, the key and the headers (measured: 1.1 KB). */
const OVERHEAD_BYTES = 1_100;

export function sizeOf(record: OutRecord): number {
  return (record.value?.length ?? 0) + OVERHEAD_BYTES;
}

export function createWaiting(options: WaitingOptions): Waiting {
  return new WaitingRecords(options);
}

class WaitingRecords implements Waiting {
  readonly #options: WaitingOptions;
  readonly #conversations = new Map<string, Conversation>();
  readonly #recent = createRecentEvents();
  #slots: Slot[] = [];
  /** Of `#slots`, so many at the front have been taken. */
  #head = 0;
  #taken: Slot[] = [];
  #bytes = 0;
  #number = 0;
  #merging = false;

  constructor(options: WaitingOptions) {
    this.#options = options;
  }

  add(record: OutRecord, event: ConversationEvent | null): void {
    if (event !== null && !event.gone) {
      this.#addSnapshot(record, event);
    } else {
      if (event !== null) this.#recent.gone(event.conversationId);
      this.#append({
        number: ++this.#number,
        at: Date.now(),
        receivedAt: event?.receivedAt ?? null,
        record,
        conversationId: event?.conversationId ?? null,
        kind: 'other',
      });
    }
    this.#enterOrLeave();
  }

  take(most: { readonly records: number; readonly bytes: number }): readonly Entry[] {
    const slots = this.#slots;
    const head = this.#head;
    let size = 0;
    let end = head;
    for (; end < slots.length && end - head < most.records; end++) {
      size += sizeOf((slots[end] as Slot).record);
      if (end > head && size > most.bytes) break;
    }
    const batch = slots.slice(head, end);
    for (const slot of batch) {
      const conversation = this.#conversationOf(slot);
      if (conversation?.last === slot) conversation.last = null;
    }
    this.#head = end;
    if (2 * end > slots.length) {
      this.#slots = slots.slice(end);
      this.#head = 0;
    }
    this.#taken = [...this.#taken, ...batch];
    return batch;
  }

  done(entries: readonly Entry[]): void {
    const gone = new Set(entries);
    for (const slot of this.#taken) if (gone.has(slot)) this.#leave(slot);
    this.#taken = this.#taken.filter((slot) => !gone.has(slot));
    this.#enterOrLeave();
  }

  records(): number {
    return this.#taken.length + this.#slots.length - this.#head;
  }

  bytes(): number {
    return this.#bytes;
  }

  conversations(): number {
    return this.#conversations.size;
  }

  first(): number {
    return this.#oldest()?.number ?? Number.POSITIVE_INFINITY;
  }

  last(): number {
    return this.#number;
  }

  oldestAt(): number | null {
    return this.#oldest()?.at ?? null;
  }

  #oldest(): Slot | undefined {
    return this.#taken[0] ?? this.#slots[this.#head];
  }

  #conversationOf({ conversationId }: Slot): Conversation | undefined {
    return conversationId === null ? undefined : this.#conversations.get(conversationId);
  }

  #addSnapshot(record: OutRecord, event: SnapshotEvent): void {
    const { conversationId, receivedAt } = event;
    const novelty = this.#recent.look(event);
    if (this.#merging && novelty === 'duplicate') {
      this.#options.onCoalesced(1);
      return;
    }
    const last = this.#conversations.get(conversationId)?.last ?? null;
    if (this.#merging && novelty === 'new' && last !== null && this.#mergeInto(last, event)) {
      this.#options.onCoalesced(1);
      return;
    }
    this.#append({ number: ++this.#number, at: Date.now(), receivedAt, record, conversationId, kind: KIND[novelty] });
  }

  #append(slot: Slot): void {
    this.#slots.push(slot);
    this.#bytes += sizeOf(slot.record);
    if (slot.conversationId === null) return;
    const conversation = this.#conversations.get(slot.conversationId);
    const last = slot.kind === 'snapshot' ? slot : null;
    if (conversation === undefined) this.#conversations.set(slot.conversationId, { records: 1, last });
    else {
      conversation.records++;
      // A duplicate says nothing: the one before it can still be merged into.
      if (slot.kind !== 'duplicate') conversation.last = last;
    }
  }

  #leave(slot: Slot): void {
    this.#bytes -= sizeOf(slot.record);
    if (slot.conversationId === null) return;
    const conversation = this.#conversations.get(slot.conversationId);
    if (conversation === undefined) return;
    if (--conversation.records === 0) this.#conversations.delete(slot.conversationId);
  }

  #enterOrLeave(): void {
    const { mergeAbove } = this.#options;
    const waiting = this.#slots.length - this.#head;
    if (!this.#merging && (waiting > mergeAbove.records || this.#bytes > mergeAbove.bytes)) {
      this.#merging = true;
      this.#mergeAll();
    } else if (this.#merging && 2 * waiting < mergeAbove.records && 2 * this.#bytes < mergeAbove.bytes) {
      this.#merging = false;
    }
  }

  /** Merges what waits among itself, when it has become much. */
  #mergeAll(): void {
    const waiting = this.#slots.slice(this.#head);
    this.#slots = [];
    this.#head = 0;
    for (const conversation of this.#conversations.values()) conversation.last = null;
    for (const slot of waiting) {
      const conversation = this.#conversationOf(slot);
      const last = conversation?.last ?? null;
      const event = last === null ? null : this.#snapshotIn(slot);
      const merged = last !== null && event !== null && this.#mergeInto(last, event);
      if (merged || slot.kind === 'duplicate') {
        this.#leave(slot);
      } else {
        this.#slots.push(slot);
        if (conversation !== undefined) conversation.last = slot.kind === 'snapshot' ? slot : null;
      }
    }
    if (this.#slots.length < waiting.length) this.#options.onCoalesced(waiting.length - this.#slots.length);
  }

  /** False: they stay two. */
  #mergeInto(last: Slot, event: SnapshotEvent): boolean {
    const { events, limits } = this.#options;
    const earlier = this.#snapshotIn(last);
    const merged = earlier === null ? null : coalesce(earlier, event, limits);
    if (merged === null) return false;
    const value = events.encode(merged);
    if (2 * value.length > limits.bytes) return false;
    this.#bytes += value.length - (last.record.value?.length ?? 0);
    last.record = { ...last.record, value };
    return true;
  }

  #snapshotIn({ kind, record }: Slot): SnapshotEvent | null {
    if (kind !== 'snapshot' || record.value === null) return null;
    const decoded = this.#options.events.decode(record.value);
    return decoded.ok && !decoded.value.gone ? decoded.value : null;
  }
}
