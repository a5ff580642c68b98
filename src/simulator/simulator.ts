import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { BehaviourCounts } from './behaviours';
import { createFaults, faultRoutes, type Faults, runFaultPlansForEver } from './faults';
import type { AfterRemoval, OrganisationOptions } from './organisation';
import { createOrganisation } from './organisation';
import type { Queue } from './roster';
import { createAccess } from './server/access';
import { apiRoutes } from './server/api';
import { type Channel, Channels } from './server/channels';
import { controlRoutes } from './server/control';
import { createDelivery } from './server/delivery';
import type { Route } from './server/http';
import { createRequestListener } from './server/http';
import type { Breaches } from './server/limits';
import { noBreaches, timeLimits } from './server/limits';
import { createMeddling } from './server/meddling';
import { play } from './server/play';
import { Sockets } from './server/sockets';
import { createTopics } from './server/topics';
import type { Truth } from './truth';

export interface SimulatorOptions extends Omit<OrganisationOptions, 'startAt' | 'parkAtLeastMs'> {
  readonly host?: string | undefined;
  /** 0: a free one. */
  readonly port?: number | undefined;
  /**
   * How many times faster than the clock the organization runs. Genesys's limits of time are divided by it, and
   * conversations run at this speed unless `speed` says otherwise. Limits given below are not divided.
   */
  readonly acceleration?: number | undefined;
  /** How many times faster than the clock conversations run. */
  readonly speed?: number | undefined;
  /** Epoch milliseconds. */
  readonly clock?: (() => number) | undefined;
  readonly clientId?: string | undefined;
  readonly clientSecret?: string | undefined;
  /** Default: the real limits. */
  readonly heartbeatMs?: number | undefined;
  readonly tokenLifetimeMs?: number | undefined;
  readonly channelLifetimeMs?: number | undefined;
  readonly requestsPerMinute?: number | undefined;
  /** The missing permissions for a topic; none: it is permitted. */
  readonly missingPermissions?: ((topic: string) => readonly string[]) | undefined;
  /** If set, one fault after another happens, forever, each in a minute of the organization's time. */
  readonly faultsSeed?: number | undefined;
  /** True: conversations begin with `resume()`, so that a client that subscribes before misses none. */
  readonly startPaused?: boolean | undefined;
}

export interface Simulator {
  readonly loginUrl: string;
  readonly apiUrl: string;
  readonly clientId: string;
  readonly clientSecret: string;
  /** A live list: queues come and go. */
  readonly queues: readonly Queue[];
  addQueue(name: string): Queue;
  /** Null: there is no such queue. */
  renameQueue(id: string, name: string): Queue | null;
  /** False: there is no such queue. */
  removeQueue(id: string, conversations: AfterRemoval): boolean;
  truth(): Truth;
  behaviours(): BehaviourCounts;
  channels(): readonly Channel[];
  /** How often clients have exceeded a limit so far. */
  limits(): Readonly<Breaches>;
  /** Stops the organization's time; sockets and requests continue. */
  pause(): void;
  resume(): void;
  /** Cuts every socket without a close frame. */
  dropSockets(): void;
  /** Sends `v2.system.socket_closing`, and closes the sockets after the given time (about a minute). */
  announceClosing(afterMs?: number): void;
  /** The open sockets stay open and silent. */
  muteSockets(): void;
  revokeTokens(): void;
  /** The running faults. */
  readonly faults: Faults;
  stop(): Promise<void>;
}

/** As long as a snapshot can be taken for a duplicate (specification, section 3: 10 s), and a little more. */
const DUPLICATE_WINDOW_MS = 12_000;

/**
 * A simulated Genesys Cloud organization on a port: OAuth, REST and the websocket. Beside them are `GET /truth` and the
 * controls: `GET /control/limits`, `POST /control/queues`, `/control/faults`, `/control/plan` and `POST
 * /control/{pause,resume,drop-sockets,close-sockets,mute-sockets,revoke-tokens}`, which need no token.
 */
export async function startSimulator(options: SimulatorOptions): Promise<Simulator> {
  const { host = '127.0.0.1' } = options;
  const parts = createParts(options);
  const server = createServer();
  const address = await listen(server, host, options.port ?? 0);
  // In the turn in which the port opened, so that no request comes before its handler.
  return serve(parts, { server, host, address }, options);
}

/** The parts that need no port. */
type Parts = ReturnType<typeof createParts>;

function createParts(options: SimulatorOptions) {
  const { acceleration = 1, clock = Date.now } = options;
  const { speed = acceleration, clientId = 'simulated-client', clientSecret = 'simulated-secret' } = options;
  const times = timeLimits(acceleration);
  const breaches = noBreaches();
  const startAt = clock();
  const organisation = createOrganisation({ ...options, startAt, parkAtLeastMs: DUPLICATE_WINDOW_MS * speed });
  const access = createAccess({
    clientId,
    clientSecret,
    tokenLifetimeMs: options.tokenLifetimeMs ?? times.tokenLifetimeMs,
    requestsAllowed: options.requestsPerMinute ?? 300,
    windowMs: times.windowMs,
    breaches,
    now: clock,
  });
  const topics = createTopics({ hasQueue: organisation.hasQueue, missingPermissions: options.missingPermissions });
  const channels = new Channels({
    lifetimeMs: options.channelLifetimeMs ?? times.channelLifetimeMs,
    breaches,
    now: clock,
    objection: topics.objection,
  });
  return {
    clientId,
    clientSecret,
    time: { speed, clock, startAt },
    times,
    breaches,
    organisation,
    access,
    topics,
    channels,
  };
}

interface OpenPort {
  readonly server: Server;
  readonly host: string;
  /** Host and port, as in URLs. */
  readonly address: string;
}

function serve(parts: Parts, { server, host, address }: OpenPort, options: SimulatorOptions): Simulator {
  const { times, breaches, organisation, access, topics, channels } = parts;
  const sockets = new Sockets({ server, host, channels, heartbeatMs: options.heartbeatMs ?? times.heartbeatMs });
  const delivery = createDelivery((topic, text) => channels.publish(topic, text));
  const player = play(organisation, parts.time, delivery.send);
  if (options.startPaused === true) player.pause();

  const meddling = createMeddling();
  let skewMs = 0;
  const faults = createFaults({
    ...{ organisation, channels, access, delivery, sockets },
    requests: meddling,
    object: topics.object,
    skewClock: (byMs) => void (skewMs = byMs),
    closingNoticeMs: times.closingNoticeMs,
  });
  const faultControl = faultRoutes(faults);
  const routes: readonly Route[] = [
    { method: 'POST', path: '/oauth/token', handle: meddling.around(access.token) },
    ...apiRoutes({
      ...{ organisation, access, channels, meddling },
      streamingUrl: `ws://${address}`,
      skewMs: () => skewMs,
      aheadMs: player.aheadMs,
    }),
    ...faultControl.routes,
    ...controlRoutes({ organisation, access, breaches, player, sockets }),
  ];
  server.on('request', createRequestListener(host, routes));
  const endPlans =
    options.faultsSeed === undefined
      ? () => undefined
      : runFaultPlansForEver(faults, { seed: options.faultsSeed, slotMs: times.windowMs });

  return {
    loginUrl: `http://${address}`,
    apiUrl: `http://${address}`,
    clientId: parts.clientId,
    clientSecret: parts.clientSecret,
    queues: organisation.queues,
    addQueue: organisation.addQueue,
    renameQueue: organisation.renameQueue,
    removeQueue: organisation.removeQueue,
    truth: organisation.truth,
    behaviours: organisation.behaviours,
    channels: () => channels.list(),
    limits: () => ({ ...breaches }),
    pause: player.pause,
    resume: player.resume,
    dropSockets: () => void sockets.drop(),
    announceClosing: (afterMs = times.closingNoticeMs) => void sockets.announceClosing(afterMs),
    muteSockets: () => void sockets.mute(),
    revokeTokens: access.revokeTokens,
    faults,
    async stop() {
      endPlans();
      faultControl.stop();
      faults.endAll();
      delivery.stop();
      player.stop();
      sockets.stop();
      server.closeAllConnections();
      await new Promise<void>((resolve) => server.close(() => resolve()));
    },
  };
}

/** @returns host and port, as in URLs */
async function listen(server: Server, host: string, wanted: number): Promise<string> {
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(wanted, host, resolve);
  });
  const { port } = server.address() as AddressInfo;
  return `${host.includes(':') ? `[${host}]` : host}:${port}`;
}
