import { coalesce, type ConversationEvent, createRecentEvents, type Limits, type SnapshotEvent } from '../conversation';
import type { OutRecord, ValueCodec } from '../log';

/**
 * Records that wait for the log, in order. When many wait, snapshots of a conversation are merged (coalesce.ts). Then
 * the number of live conversations bounds the queue, not the time that the log is away.
 */
export interface Waiting {
  /** @param event the conversation's event in `record`, if it holds one */
  add(record: OutRecord, event: ConversationEvent | null): void;
  /** The oldest records, up to this many and this many bytes, but at least one. They no longer change. */
  take(most: { readonly records: number; readonly bytes: number }): readonly Entry[];
  /** The log has acknowledged these entries. */
  done(entries: readonly Entry[]): void;
  /** The counts below include records that were taken and are not done. */
  records(): number;
  bytes(): number;
  conversations(): number;
  /** The number of the first record that is not done; Infinity: all are done. */
  first(): number;
  /** The last number given. A record merged into an earlier one gets no number. */
  last(): number;
  /** When the first record that is not done was added, epoch ms; null: all are done. */
  oldestAt(): number | null;
}

/** One record on its way. */
export interface Entry {
  /** Counts up. A merged entry has the number of the first record in it. */
  readonly number: number;
  readonly record: OutRecord;
  /** When the event was received, epoch ms; null: it is a dead letter. */
  readonly receivedAt: number | null;
}

export interface WaitingOptions {
  readonly events: ValueCodec<ConversationEvent>;
  readonly limits: Limits;
  /** Merging begins above either limit and ends below half of it. */
  readonly mergeAbove: { readonly records: number; readonly bytes: number };
  /** This many records fewer wait. */
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
  /** The latest record, if it waits and others may be merged into it. */
  last: Slot | null;
}

/** The memory of a record beside its value: the objects, the key and the headers (measured: 1.1 KB). */
const OVERHEAD_BYTES = 1_100;

function sizeOf(record: OutRecord): number {
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
  /** This many slots at the front of `#slots` were taken. */
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
      // A duplicate adds nothing, so later snapshots may still merge into the record before it.
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

  /** Merges waiting records with each other, once many wait. */
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

  /** False: the two stay separate. */
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
