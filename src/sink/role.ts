import { createNameCodec } from '../log';
import type { Store } from '../store';
import { logAnswers, type RoleParts, type RunningRole, storeAnswers } from '../wiring';
import { followNames } from './names-table';
import { startTopicSink, type TopicSink } from './topic-sink';
import { type FollowedVisits, followVisits } from './visit-sink';

export interface RunningSinkRole extends RunningRole {
  /** Per partition the offset below which every record is stored or in the dead letters. */
  stored(): ReadonlyMap<number, number>;
  /** The same for the visits topic. Null: this sink stores no visits. */
  visitsStored(): ReadonlyMap<number, number> | null;
  /** @see RunningNames.tried */
  readonly namesTried: Promise<void>;
}

export interface SinkRoleOptions {
  /** The consumer groups. */
  readonly groups?: { readonly state: string; readonly visits: string };
  readonly begin?: 'noted' | 'beginning';
  /** Default: `followed`. A replay has no names. */
  readonly names?: 'followed' | 'left-out';
}

/**
 * Starts the sink: it stores the state topic and the visits in ClickHouse, at least once, and versions make the tables
 * exact.
 */
export async function startSinkRole(
  parts: RoleParts & { readonly store: Store },
  options: SinkRoleOptions = {},
): Promise<RunningSinkRole> {
  const { config, log, topics, store } = parts;
  const { begin = 'noted', names = 'followed' } = options;
  const groups = options.groups ?? { state: topics.sinkGroup, visits: topics.visitSinkGroup };
  const rows = await startTopicSink(parts, { about: 'conversations', group: groups.state, begin });
  const visits = config.fold.visits === 'on' ? await visitsBeside(rows) : null;
  const following = names === 'followed' ? followNamesOf(parts) : null;
  const reachStore = storeAnswers(store);
  const running = (): readonly TopicSink[] => [rows, visits?.running() ?? null].filter((one) => one !== null);
  return {
    name: 'sink',
    live: () =>
      running()
        .map(({ live }) => live())
        .find(({ ok }) => !ok) ?? { ok: true },
    ready: {
      kafka: logAnswers(log, topics.state),
      clickhouse: async () => {
        const away = running()
          .map(({ sink }) => sink.state())
          .find(({ available }) => !available);
        if (away !== undefined) return { ok: false, ...(away.error === null ? {} : { detail: away.error }) };
        // The sink may have nothing to store for hours, so it has to ask ClickHouse.
        return reachStore();
      },
      partitions: () => {
        const waiting = running().find(({ sink }) => !sink.ready());
        if (waiting === undefined) return { ok: true };
        const why = waiting.sink.state().available
          ? 'the sink is not in its group. Is Kafka down?'
          : 'the sink waits for ClickHouse';
        return { ok: false, detail: why };
      },
    },
    done: Promise.all([rows.sink.done, visits?.done]).then(() => undefined),
    stored: () => rows.sink.stored(),
    visitsStored: () => visits?.running()?.sink.stored() ?? null,
    namesTried: following?.tried ?? Promise.resolve(),
    stop: async () => {
      await following?.stop();
      await Promise.all([rows.stop(), visits?.stop()]);
    },
  };

  async function visitsBeside(started: TopicSink): Promise<FollowedVisits> {
    try {
      return await followVisits(parts, { group: groups.visits, begin });
    } catch (error) {
      await started.stop();
      throw error;
    }
  }
}

function followNamesOf({ log, schemas, topics, store, metrics, logger }: RoleParts & { readonly store: Store }) {
  return followNames({
    ...{ store, log, topic: topics.names, metrics, logger },
    codec: async () => {
      const { prepare, decode } = await createNameCodec(schemas, topics);
      return {
        prepare,
        decode: (value) => {
          const decoded = decode(value);
          return decoded.ok ? { kind: 'name', name: decoded.value } : { kind: 'invalid', message: decoded.message };
        },
      };
    },
  });
}
