import {
  check,
  failed,
  type Finding,
  type Findings,
  messageOf,
  type NameKind,
  ok,
  readProxies,
  skipped,
  warning,
} from '../../common';
import { TOPICS_PER_CHANNEL } from '../channels/subscriptions';
import { queueTopicOffer } from '../channels/topics';
import { GenesysError } from '../errors';
import { listQueues, selectQueues } from '../queues/queues';
import type { Credentials } from '../rest/oauth';
import type { GenesysUrls } from '../rest/rest';
import { isInShard, type Shard } from '../shards';
import { createAsker, type Asker } from './asker';
import { checkNotifications } from './notifications';
import {
  checkPermission,
  grant,
  permissionsBeside,
  permissionsOfNames,
  QUEUE_VIEW,
  type Permission,
} from './permissions';

export interface GenesysCheckOptions {
  readonly urls: GenesysUrls;
  readonly credentials: Credentials;
  /** The value of `QUEUES`. */
  readonly queues: readonly string[];
  readonly shard: Shard;
  /** The kinds of names that the bridge keeps (`NAMES_OF`). */
  readonly names: readonly NameKind[];
  /** How many notification channels the bridge may open. */
  readonly channels: number;
  /** The time limit of a request and of the opening of a socket. */
  readonly timeoutMs?: number;
  /** The doctor pings a new socket after this time. */
  readonly pingAfterMs?: number;
}

const TRY_AGAIN = 'Try again.';
/** How many requests of each minute the reconciliation leaves to others. */
const RESERVE = 50;
/** The fold recognizes duplicates by the receive times of bridges, which may differ by at most 10 s. */
const CLOCK_WARNING_MS = 2_000;
const CLOCK_FAILED_MS = 10_000;

/**
 * Checks everything that a bridge needs of Genesys. It changes nothing there, except that it opens one channel, which
 * expires.
 * @throws UsageError for a proxy's variable that holds no address
 */
export async function checkGenesys(options: GenesysCheckOptions): Promise<Findings> {
  const { urls, credentials, names, timeoutMs = 10_000, pingAfterMs = 1_000 } = options;
  const asker = createAsker({ urls, credentials, timeoutMs });
  try {
    const token = await check({ name: 'genesys token', remedy: whereItIs(urls) }, () => checkToken(asker, urls));
    if (token.some(isFailed))
      return [...token, ...skippedAll('there is no token', ['api', QUEUE_VIEW.name, ...theOthers(names)])];
    const api = await check({ name: 'genesys api', remedy: whereItIs(urls) }, () => checkApi(asker, urls));
    if (api.some(isFailed))
      return [...token, ...api, ...skippedAll('the API does not answer', [QUEUE_VIEW.name, ...theOthers(names)])];
    const [visible, offer, named] = await Promise.all([
      check({ name: `genesys ${QUEUE_VIEW.name}`, remedy: TRY_AGAIN }, () => checkPermission(asker, QUEUE_VIEW)),
      check({ name: 'genesys topic', remedy: TRY_AGAIN }, () => checkTopic(asker)),
      checkPermissions(asker, permissionsOfNames(names)),
    ]);
    const found: string[] = [];
    const watched = visible.some(({ outcome }) => outcome !== 'ok')
      ? [skipped('genesys queues', 'doctor cannot list the queues')]
      : await check({ name: 'genesys queues', remedy: TRY_AGAIN }, () => checkQueues(asker, options, found));
    const [queueId] = found;
    const beside =
      queueId === undefined
        ? skippedAll('no queue to ask about', [
            ...permissionsBeside('').map(({ name }) => name),
            'subscription',
            'websocket',
          ])
        : await besideQueues(asker, queueId, { timeoutMs, pingAfterMs });
    return [
      ...token,
      ...api,
      ...visible,
      ...watched,
      ...offer,
      ...beside,
      ...named,
      checkClock(asker),
      checkLimit(asker),
    ];
  } finally {
    await asker.stop();
  }
}

const theOthers = (names: readonly NameKind[]): readonly string[] => [
  'queues',
  'topic',
  ...permissionsBeside('').map(({ name }) => name),
  'subscription',
  'websocket',
  ...permissionsOfNames(names).map(({ name }) => name),
  'clock',
  'requests',
];

const isFailed = ({ outcome }: Finding): boolean => outcome === 'failed';

const skippedAll = (why: string, names: readonly string[]): Findings =>
  names.map((name) => skipped(`genesys ${name}`, why));

const whereItIs = ({ loginUrl, apiUrl }: GenesysUrls): string =>
  `Is GENESYS_REGION (or GENESYS_LOGIN_URL ${loginUrl} and GENESYS_API_URL ${apiUrl}) right, and can this machine reach it?`;

async function besideQueues(
  asker: Asker,
  queueId: string,
  { timeoutMs, pingAfterMs }: { readonly timeoutMs: number; readonly pingAfterMs: number },
): Promise<Findings> {
  const sockets = check({ name: 'genesys subscription', remedy: TRY_AGAIN, limitMs: 4 * timeoutMs }, () =>
    checkNotifications({ asker, queueId, openTimeoutMs: timeoutMs, pingAfterMs }),
  );
  return (await Promise.all([checkPermissions(asker, permissionsBeside(queueId)), sockets])).flat();
}

async function checkPermissions(asker: Asker, permissions: readonly Permission[]): Promise<Findings> {
  const found = permissions.map((permission) =>
    check({ name: `genesys ${permission.name}`, remedy: TRY_AGAIN }, () => checkPermission(asker, permission)),
  );
  return (await Promise.all(found)).flat();
}

async function checkToken(asker: Asker, { loginUrl }: GenesysUrls): Promise<Finding> {
  const name = 'genesys token';
  const way = wayTo(loginUrl);
  try {
    await asker.login();
    return ok(name, `${loginUrl} gives one${way}`);
  } catch (error) {
    const isTold = !(error instanceof GenesysError) || error.facts.status !== null;
    if (isTold) return failed(name, messageOf(error), null);
    return failed(
      name,
      messageOf(error),
      'Is GENESYS_REGION (or GENESYS_LOGIN_URL) right, and can this machine reach it?',
    );
  }
}

async function checkApi(asker: Asker, { apiUrl }: GenesysUrls): Promise<Finding> {
  const reply = await asker.ask('GET', QUEUE_VIEW.path);
  const isGenesys = reply.code !== null || (reply.status >= 200 && reply.status <= 299);
  if (isGenesys && reply.status !== 401) return ok('genesys api', `answers at ${apiUrl}${wayTo(apiUrl)}`);
  return failed(
    'genesys api',
    `${apiUrl} answers HTTP ${reply.status}${reply.code === null ? ' without an error code of Genesys' : `, ${reply.code}`}`,
    'Is GENESYS_API_URL the API of the region that the client belongs to?',
  );
}

function wayTo(url: string): string {
  const proxy = readProxies(process.env).to(url);
  return proxy === null ? '' : `, through ${proxy.shown} (${proxy.variable})`;
}

/** @param found receives the ids of the chosen queues */
async function checkQueues(
  asker: Asker,
  { queues, shard, channels }: GenesysCheckOptions,
  found: string[],
): Promise<Finding> {
  const name = 'genesys queues';
  const all = await listQueues(asker.rest);
  let chosen: ReturnType<typeof selectQueues>;
  try {
    chosen = selectQueues(all, queues);
  } catch (error) {
    // The other checks only need some queue.
    found.push(...all.slice(0, 1).map(({ id }) => id));
    return failed(name, messageOf(error), null);
  }
  const own = chosen.filter(({ id }) => isInShard(id, shard));
  found.push(...(own.length > 0 ? own : chosen).map(({ id }) => id));
  const room = channels * TOPICS_PER_CHANNEL;
  const share = shard.count === 1 ? '' : `, ${own.length} of them in shard ${shard.index + 1} of ${shard.count}`;
  const detail = `QUEUES selects ${chosen.length} of ${all.length} visible queues${share}; the channels hold ${room}`;
  if (own.length <= room) return ok(name, detail);
  return failed(name, detail, 'Name fewer in QUEUES, or divide them among bridges and OAuth clients (SHARD).');
}

async function checkTopic(asker: Asker): Promise<Finding> {
  const name = 'genesys topic';
  const offer = await queueTopicOffer(asker.rest);
  if (offer === null) {
    return warning(
      name,
      'Genesys does not list the topic for conversations of queues',
      'The check "genesys subscription" decides.',
    );
  }
  const { requiresPermissions: needed, transports } = offer;
  const needs = needed.length === 0 ? 'no permission' : needed.join(', ');
  const detail = `needs ${needs}; Genesys offers it by ${transports.join(', ') || 'unnamed transports'}`;
  if (transports.length === 0 || transports.some((one) => /^(all|websocket)$/i.test(one))) return ok(name, detail);
  return failed(name, detail, `Genesys does not offer it by websocket. ${grant(needed)}`);
}

function checkClock(asker: Asker): Finding {
  const name = 'genesys clock';
  const { aheadMs } = asker.seen();
  if (aheadMs === null) return skipped(name, 'no answer of Genesys has a date');
  const offMs = Math.abs(aheadMs);
  // The header has whole seconds, so a smaller difference is unknown.
  const near = offMs < 1_000;
  const seconds = (offMs / 1_000).toFixed(1);
  const detail = near
    ? 'this clock and that of Genesys differ by less than a second'
    : `this clock is ${seconds} s ${aheadMs > 0 ? 'behind' : 'ahead of'} that of Genesys`;
  const remedy =
    'Synchronize this machine (chrony, ntpd). Bridges whose clocks differ by more than 10 s count one event twice, and waiting times are wrong.';
  if (offMs >= CLOCK_FAILED_MS) return failed(name, detail, remedy);
  return offMs >= CLOCK_WARNING_MS ? warning(name, detail, remedy) : ok(name, detail);
}

function checkLimit(asker: Asker): Finding {
  const name = 'genesys requests';
  const { requests } = asker.seen();
  if (requests === null) return skipped(name, 'no answer of Genesys names its limit');
  const { used, allowed } = requests;
  const detail = `this client has used ${used} of the ${allowed} requests of this minute`;
  if (allowed - used > RESERVE) return ok(name, detail);
  return warning(
    name,
    detail,
    'The limit is per OAuth client. Does another program use this one? Give queuefold a client of its own.',
  );
}
