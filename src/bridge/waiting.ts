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

export function createWaiting({ events, limits, mergeAbove, onCoalesced }: WaitingOptions): Waiting {
  let slots: Slot[] = [];
  /** Of `slots`, so many at the front have been taken. */
  let head = 0;
  let taken: Slot[] = [];
  let bytes = 0;
  let number = 0;
  let merging = false;
  const conversations = new Map<string, Conversation>();
  const recent = createRecentEvents();

  const count = (): number => taken.length + slots.length - head;

  const append = (slot: Slot): void => {
    slots.push(slot);
    bytes += sizeOf(slot.record);
    if (slot.conversationId === null) return;
    const conversation = conversations.get(slot.conversationId);
    const last = slot.kind === 'snapshot' ? slot : null;
    if (conversation === undefined) conversations.set(slot.conversationId, { records: 1, last });
    else {
      conversation.records++;
      // A duplicate says nothing: the one before it can still be merged into.
      if (slot.kind !== 'duplicate') conversation.last = last;
    }
  };

  const leave = (slot: Slot): void => {
    bytes -= sizeOf(slot.record);
    if (slot.conversationId === null) return;
    const conversation = conversations.get(slot.conversationId);
    if (conversation === undefined) return;
    if (--conversation.records === 0) conversations.delete(slot.conversationId);
  };

  const snapshotIn = ({ kind, record }: Slot): SnapshotEvent | null => {
    if (kind !== 'snapshot' || record.value === null) return null;
    const decoded = events.decode(record.value);
    return decoded.ok && !decoded.value.gone ? decoded.value : null;
  };

  /** False: they stay two. */
  const mergeInto = (last: Slot, event: SnapshotEvent): boolean => {
    const earlier = snapshotIn(last);
    const merged = earlier === null ? null : coalesce(earlier, event, limits);
    if (merged === null) return false;
    const value = events.encode(merged);
    if (2 * value.length > limits.bytes) return false;
    bytes += value.length - (last.record.value?.length ?? 0);
    last.record = { ...last.record, value };
    return true;
  };

  /** Merges what waits among itself, when it has become much. */
  const mergeAll = (): void => {
    const waiting = slots.slice(head);
    slots = [];
    head = 0;
    for (const conversation of conversations.values()) conversation.last = null;
    for (const slot of waiting) {
      const conversation = slot.conversationId === null ? undefined : conversations.get(slot.conversationId);
      const last = conversation?.last ?? null;
      const event = last === null ? null : snapshotIn(slot);
      const merged = last !== null && event !== null && mergeInto(last, event);
      if (merged || slot.kind === 'duplicate') {
        leave(slot);
      } else {
        slots.push(slot);
        if (conversation !== undefined) conversation.last = slot.kind === 'snapshot' ? slot : null;
      }
    }
    if (slots.length < waiting.length) onCoalesced(waiting.length - slots.length);
  };

  const enterOrLeave = (): void => {
    const waiting = slots.length - head;
    if (!merging && (waiting > mergeAbove.records || bytes > mergeAbove.bytes)) {
      merging = true;
      mergeAll();
    } else if (merging && 2 * waiting < mergeAbove.records && 2 * bytes < mergeAbove.bytes) {
      merging = false;
    }
  };

  const addSnapshot = (record: OutRecord, event: SnapshotEvent): void => {
    const { conversationId } = event;
    const novelty = recent.look(event);
    if (merging && novelty === 'duplicate') {
      onCoalesced(1);
      return;
    }
    const last = conversations.get(conversationId)?.last ?? null;
    if (merging && novelty === 'new' && last !== null && mergeInto(last, event)) {
      onCoalesced(1);
      return;
    }
    const { receivedAt } = event;
    append({ number: ++number, at: Date.now(), receivedAt, record, conversationId, kind: KIND[novelty] });
  };

  return {
    add: (record, event) => {
      if (event !== null && !event.gone) {
        addSnapshot(record, event);
      } else {
        if (event !== null) recent.gone(event.conversationId);
        append({
          number: ++number,
          at: Date.now(),
          receivedAt: event?.receivedAt ?? null,
          record,
          conversationId: event?.conversationId ?? null,
          kind: 'other',
        });
      }
      enterOrLeave();
    },
    take: (most) => {
      let size = 0;
      let end = head;
      for (; end < slots.length && end - head < most.records; end++) {
        size += sizeOf((slots[end] as Slot).record);
        if (end > head && size > most.bytes) break;
      }
      const batch = slots.slice(head, end);
      for (const slot of batch) {
        const conversation = slot.conversationId === null ? undefined : conversations.get(slot.conversationId);
        if (conversation?.last === slot) conversation.last = null;
      }
      head = end;
      if (2 * head > slots.length) {
        slots = slots.slice(head);
        head = 0;
      }
      taken = [...taken, ...batch];
      return batch;
    },
    done: (entries) => {
      const gone = new Set(entries);
      for (const slot of taken) if (gone.has(slot)) leave(slot);
      taken = taken.filter((slot) => !gone.has(slot));
      enterOrLeave();
    },
    records: count,
    bytes: () => bytes,
    conversations: () => conversations.size,
    first: () => (taken[0] ?? slots[head])?.number ?? Number.POSITIVE_INFINITY,
    last: () => number,
    oldestAt: () => (taken[0] ?? slots[head])?.at ?? null,
  };
}
