import { setTimeout as sleep } from 'node:timers/promises';
import type { Log } from '../log';
import type { CheckResult } from '../ops';
import { explainStoreError, type Store } from '../store';

/** Whether the log tells where a topic ends. */
export function logAnswers(log: Pick<Log, 'endOffsets' | 'explain'>, topic: string): () => Promise<CheckResult> {
  return answering(() => log.endOffsets(topic), log.explain);
}

/** Whether ClickHouse answers a query. */
export function storeAnswers(store: Pick<Store, 'client' | 'tls'>): () => Promise<CheckResult> {
  const ask = async () => (await store.client.query({ query: 'SELECT 1', format: 'JSONEachRow' })).json();
  return answering(ask, (error) => explainStoreError(store, error));
}

/** Sooner than the time that a check has. */
const TOLD_AGAIN_AFTER_MS = 1_000;

/**
 * Who asks while another is still waiting waits with it: probes do not pile up while a dependency is away. An answer that
 * takes long after a failure is no news: what it failed with is told again.
 */
function answering(
  ask: () => Promise<unknown>,
  explain: (error: unknown) => Promise<string>,
): () => Promise<CheckResult> {
  let asking: Promise<CheckResult> | null = null;
  let failure: CheckResult | null = null;
  const once = async (): Promise<CheckResult> => {
    try {
      await ask();
      failure = null;
      return { ok: true };
    } catch (error) {
      failure = { ok: false, detail: await explain(error) };
      return failure;
    }
  };
  return () => {
    const answer = (asking ??= once().finally(() => (asking = null)));
    return failure === null ? answer : Promise.race([answer, sleep(TOLD_AGAIN_AFTER_MS, failure, { ref: false })]);
  };
}
