import { describe, expect, test } from '@jest/globals';
import { NAME_KINDS, type Named, type NameKind } from '../../../src/common';
import { GenesysError } from '../../../src/genesys/errors';
import { NAME_LISTS, pollNames, type NameLists } from '../../../src/genesys/queues/name-lists';
import type { Rest, RestRequest } from '../../../src/genesys/rest/rest';
import { createLogging, createMetrics } from '../../../src/ops';

const people = (from: number, to: number): Named[] =>
  Array.from({ length: to - from }, (_, index) => ({ id: `u${from + index}`, name: `Agent ${from + index}` }));
const refusal = (status: number, permissions: readonly string[] = []): GenesysError =>
  new GenesysError(`refused with ${status}`, {
    ...{ status, code: 'no', correlationId: null, retryAfterMs: null },
    permissions,
  });

interface Organisation {
  /** What the n-th look (from 1) at a list sees, page by page; an error instead of a page is thrown. */
  readonly pages: (kind: NameKind, look: number) => readonly (readonly Named[] | Error)[];
  /** False: Genesys does not tell how many pages there are. */
  readonly tellsPages?: boolean;
}

/** The looks of a bridge at an organisation, until so many were kept. */
async function looks(
  { pages, tellsPages = true }: Organisation,
  count: number,
  { kinds = NAME_KINDS, keep }: { kinds?: readonly NameKind[]; keep?: (look: number) => Promise<void> } = {},
) {
  const stopping = new AbortController();
  const requests: { readonly path: string; readonly urgency: string | undefined }[] = [];
  const begun = new Map<NameKind, number>();
  const rest: Pick<Rest, 'send'> = {
    send: ({ path, route, urgency, answer }: RestRequest<never>) => {
      requests.push({ path, urgency });
      const kind = NAME_KINDS.find((one) => NAME_LISTS[one].route === route) ?? 'queue';
      const page = Number(new URL(path, 'http://genesys').searchParams.get('pageNumber'));
      const look = (begun.get(kind) ?? 0) + (page === 1 ? 1 : 0);
      begun.set(kind, look);
      const all = pages(kind, look);
      const entities = all[page - 1] ?? [];
      if (entities instanceof Error) return Promise.reject(entities);
      return Promise.resolve(answer.parse({ entities, ...(tellsPages ? { pageCount: all.length } : {}) }));
    },
  };
  const kept: NameLists[] = [];
  const lines: string[] = [];
  const metrics = createMetrics();
  await pollNames({
    kinds,
    everyMs: 1,
    rest: rest as Rest,
    metrics,
    logger: createLogging({ level: 'info', format: 'json', secrets: [], write: (line) => void lines.push(line) })
      .logger,
    signal: stopping.signal,
    keep: async (lists) => {
      kept.push(lists);
      if (kept.length === count) stopping.abort();
      await keep?.(kept.length);
      return undefined;
    },
  });
  const outcomes = async () =>
    Object.fromEntries(
      (await metrics.namePolls.get()).values
        .filter(({ value }) => value > 0)
        .map(({ labels, value }) => [`${labels.kind} ${labels.outcome}`, value]),
    );
  const log = lines.map((line) => JSON.parse(line) as Record<string, unknown>);
  return { kept, requests, outcomes, log };
}

describe('the names of an organisation', () => {
  test('are read page by page, each once although pages shift, with requests that can wait', async () => {
    const pages = { queue: [[{ id: 'q', name: 'Sales' }]], user: [people(0, 500), people(499, 600)], skill: [[]] };
    const { kept, requests } = await looks({ pages: (kind) => pages[kind] }, 1);
    expect(kept[0]?.get('queue')).toEqual([{ id: 'q', name: 'Sales' }]);
    expect(kept[0]?.get('user')).toEqual(people(0, 600));
    expect(kept[0]?.get('skill')).toEqual([]);
    expect(requests).toEqual(
      [
        '/api/v2/routing/queues?pageNumber=1&pageSize=500',
        '/api/v2/users?pageNumber=1&pageSize=500',
        '/api/v2/users?pageNumber=2&pageSize=500',
        '/api/v2/routing/skills?pageNumber=1&pageSize=500',
      ].map((path) => ({ path, urgency: 'background' })),
    );
  });

  test('are read until a page is not full where the number of pages is not told', async () => {
    const all = [people(0, 500), people(500, 1_000), people(1_000, 1_001)];
    const { kept } = await looks({ pages: () => all, tellsPages: false }, 1, { kinds: ['user'] });
    expect(kept[0]?.get('user')).toHaveLength(1_001);
  });

  test('are asked for of the wanted kinds only, look after look', async () => {
    const { kept, requests, outcomes } = await looks({ pages: () => [[]] }, 3, { kinds: ['skill'] });
    expect(kept.map((lists) => [...lists.keys()])).toEqual([['skill'], ['skill'], ['skill']]);
    expect(requests).toHaveLength(3);
    expect(await outcomes()).toEqual({ 'skill listed': 3 });
  });

  test('that are not permitted are missing, are told once with the permission, and again after they were permitted', async () => {
    const user = (look: number) => [look === 3 ? people(0, 1) : refusal(403, ['directory:user:view', 'x:y:z'])];
    const { kept, outcomes, log } = await looks(
      { pages: (kind, look) => (kind === 'user' ? user(look) : kind === 'skill' ? [refusal(403)] : [[]]) },
      5,
    );
    expect(kept.map((lists) => [...lists.keys()].join())).toEqual(['queue', 'queue', 'queue,user', 'queue', 'queue']);
    expect(await outcomes()).toEqual({
      'queue listed': 5,
      'user refused': 4,
      'user listed': 1,
      'skill refused': 5,
    });
    const told = log.map(({ kind, permissions = null }) => ({ kind, permissions }));
    expect(told).toEqual([
      { kind: 'user', permissions: ['directory:user:view', 'x:y:z'] },
      { kind: 'skill', permissions: ['routing:skill:view'] },
      { kind: 'user', permissions: null },
      { kind: 'user', permissions: ['directory:user:view', 'x:y:z'] },
    ]);
  });

  test('the bridge ignores a list of which a page fails, because the missing names would seem to be gone', async () => {
    const { kept, outcomes } = await looks(
      { pages: (_, look) => [people(0, 500), look === 1 ? refusal(503) : people(500, 501)] },
      2,
      { kinds: ['user'] },
    );
    expect(kept.map((lists) => lists.get('user')?.length)).toEqual([undefined, 501]);
    expect(await outcomes()).toEqual({ 'user failed': 1, 'user listed': 1 });
  });

  test('that could not be kept are kept by the next look', async () => {
    const { kept, log } = await looks({ pages: () => [people(0, 1)] }, 2, {
      kinds: ['user'],
      keep: (look) => (look === 1 ? Promise.reject(new Error('Kafka is away')) : Promise.resolve()),
    });
    expect(kept).toHaveLength(2);
    expect(log).toEqual([expect.objectContaining({ level: 'warn', reason: 'Kafka is away' })]);
  });

  test('do not hold up a stop while Kafka is down', async () => {
    const { kept } = await looks({ pages: () => [[]] }, 1, { keep: () => new Promise(() => undefined) });
    expect(kept).toHaveLength(1);
  });
});
