import { setTimeout as sleep } from 'node:timers/promises';
import type { Log } from '../log';
import type { CheckResult } from '../ops';
import { explainStoreError, type Store } from '../store';

/** Whether Kafka says where a topic ends. */
export function logAnswers(log: Pick<Log, 'endOffsets' | 'explain'>, topic: string): () => Promise<CheckResult> {
  return answering(() => log.endOffsets(topic), log.explain);
}

/** Whether ClickHouse answers a query. */
export function storeAnswers(store: Pick<Store, 'client' | 'tls'>): () => Promise<CheckResult> {
  const ask = async () => (await store.client.query({ query: 'SELECT 1', format: 'JSONEachRow' })).json();
  return answering(ask, (error) => explainStoreError(store, error));
}

/** Shorter than the time limit of a check. */
const TOLD_AGAIN_AFTER_MS = 1_000;

/**
 * Callers that ask while a question is open wait for the same answer, so probes do not pile up during an outage. If the
 * next answer takes long after a failure, callers get the last failure again.
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
