import { setTimeout as sleep } from 'node:timers/promises';
import { messageOf, type Named, type NameKind } from '../../common';
import type { Logger, Metrics } from '../../ops';
import { GenesysError } from '../errors';
import { listAll } from '../rest/listing';
import type { Rest } from '../rest/rest';

/** The complete lists of one look. A kind is missing if its list could not be read. */
export type NameLists = ReadonlyMap<NameKind, readonly Named[]>;

export interface NamesWanted {
  readonly kinds: readonly NameKind[];
  /**
   * Takes the lists of a look. It returns `look-again` to ask for another look soon. If it throws, the error is logged
   * and the next look repeats the work.
   */
  readonly keep: (lists: NameLists) => Promise<'look-again' | undefined>;
}

export interface NamesPolling extends NamesWanted {
  /** Between two looks. */
  readonly everyMs: number;
  readonly rest: Rest;
  readonly metrics: Metrics;
  readonly logger: Logger;
  readonly signal: AbortSignal;
}

interface NameList {
  readonly route: string;
  /** Used if Genesys does not name the missing permission. */
  readonly permission: string;
}

export const NAME_LISTS: Readonly<Record<NameKind, NameList>> = {
  queue: { route: '/api/v2/routing/queues', permission: 'routing:queue:view' },
  user: { route: '/api/v2/users', permission: 'directory:user:view' },
  skill: { route: '/api/v2/routing/skills', permission: 'routing:skill:view' },
};

/** Long enough for pages to settle that shifted while they were read. */
const AGAIN_MS = 15_000;

/**
 * Reads the lists of queues, users and skills at once and then from time to time. It sends one request at a time, with
 * low priority. Names are a comfort: the bridge continues whatever goes wrong with them.
 */
export async function pollNames(polling: NamesPolling): Promise<void> {
  const { kinds, everyMs, keep, metrics, logger, signal } = polling;
  const isOver = (): boolean => signal.aborted;
  const refused = new Set<NameKind>();

  const look = async (): Promise<NameLists> => {
    const lists = new Map<NameKind, readonly Named[]>();
    for (const kind of kinds) {
      try {
        lists.set(kind, await listAll(polling.rest, NAME_LISTS[kind].route, 'background'));
        metrics.namePolls.inc({ kind, outcome: 'listed' });
        if (refused.delete(kind)) logger.info({ kind }, 'Genesys permits the list of names again');
      } catch (error) {
        if (isOver()) break;
        const permissions = missingOf(kind, error);
        metrics.namePolls.inc({ kind, outcome: permissions === null ? 'failed' : 'refused' });
        if (permissions === null)
          logger.warn({ kind, reason: messageOf(error) }, 'the bridge cannot read a list of names');
        else if (!refused.has(kind)) {
          refused.add(kind);
          logger.warn(
            { kind, permissions },
            'Genesys refuses a list of names, so tables show ids only. Add the permissions to a role of the OAuth client',
          );
        }
      }
    }
    return lists;
  };

  while (!isOver()) {
    const lists = await look();
    if (isOver()) return;
    const wish = await untilAborted(keep(lists), signal).catch((error: unknown) => {
      if (!isOver())
        logger.warn({ reason: messageOf(error) }, 'the bridge cannot write names to Kafka, so the old names stay');
      return undefined;
    });
    await sleep(wish === 'look-again' ? Math.min(AGAIN_MS, everyMs) : everyMs, undefined, { signal }).catch(
      () => undefined,
    );
  }
}

/** Null: the error is not a missing permission. */
function missingOf(kind: NameKind, error: unknown): readonly string[] | null {
  if (!(error instanceof GenesysError) || error.facts.status !== 403) return null;
  const { permissions = [] } = error.facts;
  return permissions.length > 0 ? permissions : [NAME_LISTS[kind].permission];
}

/** A stop does not wait for a Kafka that does not answer. */
function untilAborted<T>(work: Promise<T>, signal: AbortSignal): Promise<T | undefined> {
  return new Promise((resolve, reject) => {
    const stop = (): void => resolve(undefined);
    if (signal.aborted) stop();
    else signal.addEventListener('abort', stop, { once: true });
    void work.then(resolve, reject).finally(() => signal.removeEventListener('abort', stop));
  });
}
