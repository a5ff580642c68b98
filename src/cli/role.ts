import { requireGenesys, requireGroups } from '../config';
import { startOpsHttp } from '../ops/http';
import { startBridgeRole } from '../roles/bridge';
import { connectKafka } from '../roles/connect';
import { startFoldRole } from '../roles/fold';
import type { RunningRole } from '../roles/role';
import { startSinkRole } from '../roles/sink';
import { checkStore, connectStore, type Store } from '../store/client';
import type { Context } from './context';

/** `queuefold bridge`, `fold` or `sink`: one role, a process each, any number of them. */
export async function runRole(context: Context, name: RunningRole['name']): Promise<void> {
  const { config, logger, metrics, shutdown } = context;
  const parts = { config, logger, metrics, ...connectKafka(config, logger, metrics) };
  shutdown.onStop('Kafka clients', () => parts.log.close());

  const starts: Record<RunningRole['name'], () => Promise<RunningRole>> = {
    fold: () => startFoldRole(parts),
    bridge: () => {
      const { clientId, clientSecret, loginUrl, apiUrl } = requireGenesys(config);
      const credentials = { clientId, clientSecret: clientSecret.reveal() };
      return startBridgeRole({ ...parts, genesys: { credentials, urls: { loginUrl, apiUrl } } });
    },
    sink: async () => {
      const store = configuredStore(context);
      await checkStore(store);
      return startSinkRole({ ...parts, store });
    },
  };
  // Health answers from the beginning: not ready, until the role is there.
  let role: RunningRole | null = null;
  const ops = await startOpsHttp({
    ...config.http,
    registry: metrics.registry,
    ready: {
      [name]: async () => {
        if (role === null) return { ok: false, detail: 'starting' };
        const results = await Promise.all(
          Object.entries(role.ready).map(async ([check, run]) => ({ check, ...(await run()) })),
        );
        const failed = results.filter(({ ok }) => !ok);
        return {
          ok: failed.length === 0,
          detail: results.map(({ check, detail }) => `${check}: ${detail ?? 'ok'}`).join('; '),
        };
      },
    },
    logger,
  });
  shutdown.onStop('metrics and health', () => ops.stop());
  logger.info({ role: name, metrics: `${ops.url}/metrics` }, 'starting');
  const running = await starts[name]();
  role = running;
  shutdown.onStop(name, () => running.stop());
  await shutdown.until(running.done);
}

export function configuredStore({ config, shutdown }: Context): Store {
  const { url, username, password, database } = requireGroups(config, ['clickhouse']).clickhouse;
  const store = connectStore({ url, username, password: password?.reveal() ?? '', database });
  shutdown.onStop('ClickHouse client', () => store.close());
  return store;
}
