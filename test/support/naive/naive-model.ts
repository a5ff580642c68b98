/**
 * An independent, deliberately naive model of the specification. It keeps every event of a conversation, and computes
 * everything from scratch for each one. It was written from the text (here section 4), before its author read the fold.
 */
import {
  compareBytes,
  endedIds,
  shownIds,
  greatestDisconnectedTime,
  hasEnded,
  hasPendingWork,
  isLive,
  knowledge,
  queuedMembers,
  type Member,
} from './naive-merge';
import { naiveProjection, realConnectedTime, type NaiveRow } from './naive-project';
import { naiveVisits, type NaiveVisit } from './naive-visits';
import { naiveRead, type NaiveEvent } from './naive-wire';

export interface NaiveSettings {
  readonly closeAfter: 'disconnect' | 'acw';
  readonly acwTimeoutMs: number;
  readonly endedRetentionMs: number;
}

/** A record in the form of `--print records`. */
export interface NaiveRecord {
  readonly key: string;
  readonly value: NaiveRow | null;
  readonly timestamp: string;
}

interface Row {
  readonly columns: NaiveRow;
  readonly created: number;
  readonly updated: number;
  readonly connected: { readonly participant: string; readonly time: number; readonly real: boolean };
}

interface Known {
  readonly kind: 'known';
  /** Events that were not duplicates, in the log's order. */
  readonly events: readonly NaiveEvent[];
  /** Communications that ended before this conversation was re-opened. */
  readonly held: ReadonlySet<string>;
  readonly row: Row | null;
  /** The receive time of the event that ended it; null: it has not. */
  readonly endedAt: number | null;
}

interface Ended {
  readonly kind: 'ended';
  readonly held: ReadonlySet<string>;
  readonly end: number;
}

const DAY = 24 * 60 * 60_000;

const print = (row: Row, id: string): NaiveRow => ({
  ...row.columns,
  conversation_id: id,
  connected_time: new Date(row.connected.time).toISOString(),
  queue_connected_time: new Date(Number(row.columns['queue_connected_time'])).toISOString(),
  db_when_created: new Date(row.created).toISOString(),
  db_last_updated: new Date(row.updated).toISOString(),
});

function connectedOf(member: Member): Row['connected'] {
  const real = realConnectedTime(member);
  return { participant: member.id, time: real ?? member.queuedAt ?? NaN, real: real !== null };
}

/** Everything except the place in the window: two receive times do not make two different events. */
export const content = (event: NaiveEvent): string => JSON.stringify(event.participants);

const isDuplicate = (event: NaiveEvent, known: Known): boolean =>
  event.parts === undefined &&
  known.events
    .filter(({ gone }) => !gone)
    .flatMap((earlier) => earlier.parts ?? [{ at: earlier.at, content: content(earlier) }])
    .slice(-8)
    .some((earlier) => Math.abs(earlier.at - event.at) <= 10_000 && earlier.content === content(event));

function updated(row: Row, members: readonly Member[], at: number): Row {
  const first = members.find(({ id }) => id === row.connected.participant);
  const time = row.connected.real || first === undefined ? null : realConnectedTime(first);
  return {
    columns: naiveProjection(members),
    created: row.created,
    updated: Math.max(row.updated, at),
    connected: time === null ? row.connected : { ...row.connected, time, real: true },
  };
}

const differs = (a: Row, b: Row): boolean =>
  JSON.stringify(a.columns) !== JSON.stringify(b.columns) || a.connected.time !== b.connected.time;

/** @param onVisit each version of a visit, in the form of `--print visits` */
export function naivePartition(
  settings: NaiveSettings,
  onVisit: (visit: NaiveVisit) => void = () => undefined,
): (event: NaiveEvent) => NaiveRecord[] {
  const states = new Map<string, Known | Ended>();

  /** Null: no row that waits for after-call work. */
  function deadline(known: Known): number | null {
    if (settings.closeAfter !== 'acw' || known.row === null || known.endedAt === null) return null;
    const members = knowledge(known.events, known.held);
    if (isLive(members) || !hasPendingWork(members)) return null;
    return (greatestDisconnectedTime(members) ?? known.endedAt) + settings.acwTimeoutMs;
  }

  function end(id: string, known: Known, at: number, event: NaiveEvent | null): NaiveRecord[] {
    const held = new Set([...known.held, ...endedIds(known.events, known.held), ...(event ? shownIds(event) : [])]);
    states.set(id, { kind: 'ended', held, end: at });
    if (known.row === null) return [];
    const row = updated(known.row, knowledge(known.events, known.held), at);
    const timestamp = new Date(at).toISOString();
    return [
      { key: id, value: print(row, id), timestamp },
      { key: id, value: null, timestamp },
    ];
  }

  function closeOverdue(at: number): NaiveRecord[] {
    return [...states]
      .flatMap(([id, state]) => {
        const due = state.kind === 'known' ? deadline(state) : null;
        return state.kind === 'known' && due !== null && due < at ? [{ id, state, due }] : [];
      })
      .sort((a, b) => a.due - b.due || compareBytes(a.id, b.id))
      .flatMap(({ id, state, due }) => end(id, state, due, null));
  }

  function forget(at: number): void {
    for (const [id, state] of states) {
      const since =
        state.kind === 'ended' ? state.end : state.row === null ? Math.max(...state.events.map((each) => each.at)) : at;
      if (at - since > (state.kind === 'ended' ? 2 * settings.endedRetentionMs : 7 * DAY)) states.delete(id);
    }
  }

  /** Creates the row, or writes a record if the row changed. */
  function keep(id: string, known: Known, members: readonly Member[], at: number, first?: Member): NaiveRecord[] {
    const begun = first ?? queuedMembers(members)[0];
    const before = known.row;
    if (before === null && begun === undefined) return [];
    const row =
      before === null && begun !== undefined
        ? { columns: naiveProjection(members), created: at, updated: at, connected: connectedOf(begun) }
        : before === null
          ? null
          : updated(before, members, at);
    if (row === null || (before !== null && !differs(before, row))) return [];
    states.set(id, { ...known, row });
    return [{ key: id, value: print(row, id), timestamp: new Date(at).toISOString() }];
  }

  function write(visits: readonly NaiveVisit[], at: number): void {
    for (const visit of visits) onVisit({ ...visit, db_last_updated: new Date(at).toISOString() });
  }

  function whileEnded(event: NaiveEvent, marker: Ended): NaiveRecord[] {
    if (event.gone) return [];
    const members = knowledge([event], marker.held);
    const isNew = ({ id }: { readonly id: string }): boolean => !marker.held.has(id);
    const live = members.some(({ supervisor, legs }) => !supervisor && legs.some((leg) => !leg.ended && isNew(leg)));
    const first = queuedMembers(members).find(({ legs }) => legs.some(isNew));
    if (!live || first === undefined) {
      const strangers = members.filter(({ legs }) => legs.length > 0 && legs.every(isNew)).map(({ id }) => id);
      write(
        naiveVisits(event.id, members).filter((visit) => strangers.includes(String(visit['participant_id']))),
        event.at,
      );
      states.set(event.id, { ...marker, held: new Set([...marker.held, ...endedIds([event], marker.held)]) });
      return [];
    }
    const known: Known = { kind: 'known', events: [event], held: marker.held, row: null, endedAt: null };
    states.set(event.id, known);
    write(naiveVisits(event.id, members), event.at);
    return keep(event.id, known, members, event.at, first);
  }

  function whileKnown(event: NaiveEvent, before: Known): NaiveRecord[] {
    if (!event.gone && isDuplicate(event, before)) return [];
    const events = [...before.events, event];
    const members = knowledge(events, before.held);
    const versions = new Set(
      naiveVisits(event.id, knowledge(before.events, before.held)).map((visit) => JSON.stringify(visit)),
    );
    write(
      naiveVisits(event.id, members).filter((visit) => !versions.has(JSON.stringify(visit))),
      event.at,
    );
    const live = isLive(members);
    // docs/design.md, choice 5: a row with supervisors only is closed as if the conversation had ended.
    const ended = hasEnded(members) || (before.row !== null && !live);
    const endedAt = ended ? (before.endedAt ?? event.at) : null;
    const known: Known = { ...before, events, endedAt };
    states.set(event.id, known);
    if (live) return queuedMembers(members).length > 0 ? keep(event.id, known, members, event.at) : [];
    if (!ended) return [];
    const due = deadline(known);
    if (event.gone || due === null || event.at > due) return end(event.id, known, event.at, event);
    return keep(event.id, known, members, event.at);
  }

  return (event) => {
    const closed = closeOverdue(event.at);
    forget(event.at);
    const state = states.get(event.id);
    if (state?.kind === 'ended' && event.at - state.end <= settings.endedRetentionMs) {
      return [...closed, ...whileEnded(event, state)];
    }
    if (state?.kind === 'known') return [...closed, ...whileKnown(event, state)];
    if (event.gone) return closed;
    const fresh: Known = { kind: 'known', events: [], held: new Set(), row: null, endedAt: null };
    return [...closed, ...whileKnown(event, fresh)];
  };
}

/** The records for the lines of a recording, as `queuefold replay --print records` must print them. */
export function naiveRecords(lines: readonly string[], settings: NaiveSettings, now = 0): NaiveRecord[] {
  const apply = naivePartition(settings);
  return lines.flatMap((line) => {
    const event = naiveRead(line, now);
    return event === null ? [] : apply(event);
  });
}

/** Every version of every visit, in the log's order. */
export function naiveVisitRecords(lines: readonly string[], settings: NaiveSettings, now = 0): NaiveVisit[] {
  const written: NaiveVisit[] = [];
  const apply = naivePartition(settings, (visit) => written.push(visit));
  for (const line of lines) {
    const event = naiveRead(line, now);
    if (event !== null) apply(event);
  }
  return written;
}
