import { messageOf } from '../common/errors';
import type { Log } from '../log/port';
import type { CheckResult } from '../ops/health';
import type { Store } from '../store/client';

/** Whether the log tells where a topic ends. */
export function logAnswers(log: Pick<Log, 'endOffsets'>, topic: string): () => Promise<CheckResult> {
  return answering(() => log.endOffsets(topic));
}

/** Whether ClickHouse answers a query. */
export function storeAnswers({ client }: Pick<Store, 'client'>): () => Promise<CheckResult> {
  return answering(async () => (await client.query({ query: 'SELECT 1', format: 'JSONEachRow' })).json());
}

/** Who asks while another is still waiting waits with it: probes do not pile up while a dependency is away. */
function answering(ask: () => Promise<unknown>): () => Promise<CheckResult> {
  let asking: Promise<CheckResult> | null = null;
  const once = async (): Promise<CheckResult> => {
    try {
      await ask();
      return { ok: true };
    } catch (error) {
      return { ok: false, detail: messageOf(error) };
    }
  };
  return () => (asking ??= once().finally(() => (asking = null)));
}
