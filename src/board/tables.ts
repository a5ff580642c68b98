import { type Name, nameKey, readNameKey } from '../common';
import type { QueueVisit } from '../conversation';
import {
  createNameReader,
  createRowReader,
  createVisitReader,
  followTable,
  type FollowedTable,
  type Log,
  type SchemaSource,
  type TopicNames,
  type UnreadableRecord,
  type ValueReader,
} from '../log';
import type { Logger, Metrics } from '../ops';
import type { BoardVisit, Picture } from './picture';
import type { BoardNames } from './present';
import type { Freshness } from './viewers';

export interface TablesOptions {
  readonly log: Log;
  readonly schemas: Pick<SchemaSource, 'writerOf'>;
  readonly topics: TopicNames;
  /** `off`: nobody writes visits. */
  readonly visits: 'on' | 'off';
  readonly picture: Picture;
  readonly names: NameTable;
  readonly metrics: Metrics;
  readonly logger: Logger;
}

export interface Tables {
  /** Resolves when every table has been read to its end once. */
  readonly loaded: Promise<void>;
  freshness(): Freshness;
  stop(): Promise<void>;
}

/** A visit that began before this does not count today, but its customer may still be talking. */
const LONGEST_TALK_MS = 6 * 3_600_000;
/** How often to check whether a new day has begun. */
const SWEEP_MS = 60_000;
/** Kafka answers at least every 100 ms. If it is silent for this long, it is away. */
const SILENT_MS = 2_000;

/** Keeps the picture equal to the compacted topics, without a group and without writing anything. */
export function followTables(options: TablesOptions): Tables {
  const { log, schemas, topics, picture, names, metrics, logger } = options;
  const onUnreadable = ({ reason }: UnreadableRecord): void => metrics.boardUnreadable.inc({ reason });
  const rows = followTable({
    ...{ log, logger, topic: topics.state, reader: createRowReader(schemas) },
    listener: {
      onRow: (_key, row) => picture.upsertRow(row),
      onDelete: (key) => picture.deleteRow(key),
      onReset: () => picture.clearRows(),
      onUnreadable,
    },
  });
  const visits =
    options.visits === 'off'
      ? []
      : [
          followTable({
            ...{ log, logger, topic: topics.visits, reader: thin(createVisitReader(schemas)) },
            // The topic holds seven days. A record is never older than the visit's times.
            since: () => picture.day - LONGEST_TALK_MS,
            listener: {
              onRow: (key, visit) => picture.upsertVisit(key, visit),
              onDelete: (key) => picture.deleteVisit(key),
              onReset: () => picture.clearVisits(),
              onUnreadable,
            },
          }),
        ];
  // A picture without names is still right, so names affect neither its age nor its start.
  const named = followTable({
    ...{ log, logger, topic: topics.names, reader: createNameReader(schemas) },
    listener: {
      onRow: (_key, name) => names.put(name, picture),
      onDelete: (key) => names.remove(key, picture),
      onReset: () => names.clear(),
      onUnreadable,
    },
  });
  void named.loaded.catch(() => undefined);
  const needed = [rows, ...visits];
  const retain = (): void => {
    for (const table of visits) table.retain((key) => picture.needsVisit(key));
  };
  let { day } = picture;
  const sweeping = setInterval(() => {
    if (picture.day === day) return;
    day = picture.day;
    retain();
  }, SWEEP_MS).unref();
  return {
    loaded: Promise.all(needed.map(({ loaded }) => loaded)).then(retain),
    freshness: () => needed.map(freshnessOf).reduce(older),
    stop: async () => {
      clearInterval(sweeping);
      await Promise.all([...needed, named].map((table) => table.stop()));
    },
  };
}

/** The first reading of a topic holds all rows in memory, so each holds only the fields that the board needs. */
function thin(reader: ValueReader<QueueVisit>): ValueReader<BoardVisit> {
  const known = new Map<string, string>();
  const shared = (id: string): string => known.get(id) ?? (known.set(id, id), id);
  return {
    prepare: (values) => reader.prepare(values),
    decode: (value) => {
      const decoded = reader.decode(value);
      if (!decoded.ok) return decoded;
      const { conversation_id, queue_id, media_type, consult, outcome, ...rest } = decoded.value;
      const { entered_time, left_time, answered_time, agent_left_time } = rest;
      const times = { entered_time, left_time, answered_time, agent_left_time };
      return {
        ok: true,
        value: { conversation_id, queue_id: shared(queue_id), media_type, consult, outcome, ...times },
      };
    },
  };
}

function freshnessOf(table: FollowedTable): Freshness {
  const { watermark, answeredAt, problem } = table.picture();
  const now = Date.now();
  const isSilent = answeredAt !== null && now - answeredAt > SILENT_MS;
  return {
    ageMs: watermark === null ? null : Math.max(0, now - watermark),
    problem: problem ?? (isSilent ? 'Kafka does not answer' : null),
  };
}

/** A picture is as old as the oldest of its tables. */
function older(a: Freshness, b: Freshness): Freshness {
  const ageMs = a.ageMs === null || b.ageMs === null ? null : Math.max(a.ageMs, b.ageMs);
  return { ageMs, problem: a.problem ?? b.problem };
}

/** Names by id, from the names topic. */
export class NameTable implements BoardNames {
  readonly #names = new Map<string, string>();

  of(kind: 'queue' | 'user' | 'skill', id: string): string | null {
    return this.#names.get(nameKey({ kind, id })) ?? null;
  }

  put(name: Name, picture: Picture): void {
    this.#names.set(nameKey(name), name.name);
    if (name.kind === 'queue') picture.touchQueue(name.id);
  }

  remove(key: string, picture: Picture): void {
    this.#names.delete(key);
    const parsed = readNameKey(key);
    if (parsed?.kind === 'queue') picture.touchQueue(parsed.id);
  }

  clear(): void {
    this.#names.clear();
  }
}
