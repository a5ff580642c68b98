import { hash } from 'node:crypto';
import type { CommunicationSnapshot, ConversationEvent, SnapshotEvent } from './event';

/**
 * 16 bytes that are equal for two snapshots exactly if the snapshots are equal after normalizing (specification,
 * section 3, "Duplicates"), without receive time and source. SHA-256, so that nobody can make two collide.
 */
export function fingerprint(snapshot: SnapshotEvent): Buffer {
  text.begin();
  for (const p of snapshot.participants) {
    text.put('P').sized(p.id).number(p.position).put(',').sized(p.purpose).sized(p.queueId).sized(p.userId);
    text.number(p.connectedTime).put(p.supervisor ? ',true' : ',false');
    if (p.consult) text.put('Q');
    if (p.skills !== null) for (const skill of p.skills) text.put('S').sized(skill);
    for (const leg of p.communications) putCommunication(leg);
  }
  // Node.js makes a digest as a text in half the time of one as a buffer.
  return Buffer.from(hash('sha256', text.bytes(), 'binary').slice(0, 16), 'latin1');
}

/** Only after masking: a fingerprint shows that values are equal, and must not show the values themselves. */
export function withFingerprint(event: ConversationEvent): ConversationEvent {
  return event.gone ? event : { ...event, fingerprint: fingerprint(event) };
}

function putCommunication(leg: CommunicationSnapshot): void {
  text.put('C').sized(leg.id).sized(leg.medium).number(leg.index).put(',').sized(leg.state).sized(leg.direction);
  text.sized(leg.provider).sized(leg.disconnectType).number(leg.connectedTime).put(',').number(leg.disconnectedTime);
  text.put(',').sized(leg.self).sized(leg.other).sized(leg.fromAddress).sized(leg.toAddress).sized(leg.callbackNumber);
  text.sized(leg.subject).sized(leg.messageType);
  // Only if the field has a value: an event without it must equal one from before the field existed.
  if (leg.startAlertingTime !== null) text.put('A').number(leg.startAlertingTime);
  const work = leg.afterCallWork;
  if (work !== null) text.put('W').sized(work.state).number(work.startTime).put(',').number(work.endTime);
  if (leg.messages === null) return;
  for (const m of leg.messages) text.put('M').number(m.messageTime).put(',').sized(m.messageStatus);
}

/** UTF-8, piece by piece: to join hundreds of texts costs several times what the hash does. */
class Utf8 {
  #bytes = Buffer.allocUnsafe(16 * 1024);
  #at = 0;

  begin(): void {
    this.#at = 0;
  }

  bytes(): Buffer {
    return this.#bytes.subarray(0, this.#at);
  }

  put(text: string): this {
    const { length } = text;
    this.#reserve(3 * length);
    const bytes = this.#bytes;
    const from = this.#at;
    for (let i = 0; i < length; i++) {
      const unit = text.charCodeAt(i);
      if (unit >= 0x80) {
        this.#at = from + bytes.write(text, from);
        return this;
      }
      bytes[from + i] = unit;
    }
    this.#at = from + length;
    return this;
  }

  number(value: number | null): this {
    if (value === null) return this.put('null');
    if (value >= 0 && value < 10) return this.#digits(value, 1);
    if (value < 1e12 || value >= 1e13) return this.put(String(value));
    // A time of these years: two parts of 32 bits at most.
    const high = Math.floor(value / 1e7);
    return this.#digits(high, 6).#digits(value - high * 1e7, 7);
  }

  /** The length in front keeps two different lists of strings from reading the same. */
  sized(value: string | null): this {
    if (value === null) return this.put('-');
    const { length } = value;
    return (length < 10 || length > 99 ? this.number(length) : this.#digits(length, 2)).put(':').put(value);
  }

  #digits(value: number, count: number): this {
    this.#reserve(count);
    const bytes = this.#bytes;
    let left = value | 0;
    for (let at = this.#at + count - 1; at >= this.#at; at--) {
      const tenth = (left / 10) | 0;
      bytes[at] = 0x30 + left - tenth * 10;
      left = tenth;
    }
    this.#at += count;
    return this;
  }

  #reserve(size: number): void {
    if (this.#at + size <= this.#bytes.length) return;
    const grown = Buffer.allocUnsafe(2 * (this.#bytes.length + size));
    this.#bytes.copy(grown);
    this.#bytes = grown;
  }
}

/** Every fingerprint's: none waits while it is made. */
const text = new Utf8();
