/** Which queue belongs to which channel. */
export type Packing = ReadonlyMap<string, number>;

export interface Packed {
  readonly packing: Packing;
  /** Queues for which no channel has room. */
  readonly left: readonly string[];
}

/**
 * Places queues into channels. A queue that has a place keeps it, because a move would cause a gap or an unneeded
 * request. New queues go into the first channels with room.
 */
export function pack(before: Packing, queueIds: readonly string[], room: { channels: number; topics: number }): Packed {
  const wanted = new Set(queueIds);
  const packing = new Map([...before].filter(([id]) => wanted.has(id)));
  const sizes = Array.from({ length: room.channels }, () => 0);
  for (const index of packing.values()) sizes[index] = (sizes[index] ?? 0) + 1;
  const left: string[] = [];
  let index = 0;
  for (const id of wanted) {
    if (packing.has(id)) continue;
    while (index < sizes.length && (sizes[index] ?? 0) >= room.topics) index += 1;
    if (index >= sizes.length) left.push(id);
    else {
      packing.set(id, index);
      sizes[index] = (sizes[index] ?? 0) + 1;
    }
  }
  return { packing, left };
}
