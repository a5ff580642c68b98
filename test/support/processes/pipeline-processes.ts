import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { pathToFileURL } from 'node:url';
import { WebSocket, WebSocketServer } from 'ws';
import { packageRoot } from '../../../src/common';
import type { Simulator } from '../../../src/simulator';
import { serverForTests } from '../clickhouse/clickhouse-server';
import { listenOnLoopback } from '../network/loopback-server';
import { kafkaForTests, registryForTests } from '../services/services';
import { EndedError, until } from './until';

export type Environment = Readonly<Record<string, string>>;

/** A process of queuefold, as installed. */
export interface QueuefoldProcess {
  readonly name: string;
  stdout(): string;
  stderr(): string;
  /** Resolves when it reports that it is ready. */
  ready(): Promise<void>;
  /** The address of its metrics and health, e.g. `http://127.0.0.1:9464`; empty until it has printed the address. */
  url(): string;
  /** The answer of `path` there. */
  get(path: '/metrics' | '/health/ready' | '/health/live', headers?: Readonly<Record<string, string>>): Promise<string>;
  /** Resolves when it has ended on its own; its exit code must be 0. */
  done(): Promise<void>;
  /** Sends SIGTERM; its exit code must be 0. */
  stop(): Promise<void>;
  /** Works after anything that happened before; resolves when it is gone. */
  kill(): Promise<void>;
}

const BIN = join(packageRoot(), 'bin', 'queuefold.js');
/** Ends a process with the one that started it. */
const HOOK = pathToFileURL(join(__dirname, 'role-hook.mjs')).href;
const LIMIT_MS = 120_000;

/**
 * Starts `queuefold <args>` with only the given environment. A fold works in one thread unless the environment says
 * otherwise.
 */
export function startQueuefold(args: readonly string[], env: Environment): QueuefoldProcess {
  const name = args.slice(0, 1).join();
  const child = spawn(process.execPath, ['--import', HOOK, BIN, ...args], {
    env: { PATH: process.env['PATH'] ?? '', FOLD_THREADS: '1', ...env },
    stdio: ['pipe', 'pipe', 'pipe'],
  });
  const said = { stdout: '', stderr: '' };
  let code: number | 'running' | 'killed' = 'running';
  child.stdin.on('error', () => undefined);
  child.stdout.setEncoding('utf8').on('data', (chunk: string) => (said.stdout += chunk));
  child.stderr.setEncoding('utf8').on('data', (chunk: string) => (said.stderr += chunk));
  const closed = once(child, 'close').then(([status]) => (code = (status as number | null) ?? 'killed'));

  const endedWell = async (): Promise<void> => {
    await closed;
    if (code !== 0) throw new Error(`queuefold ${name} ended with ${code}\n${said.stderr}`);
  };
  const url = (): string => /"metrics":"(http:[^"]+)\/metrics"/.exec(said.stderr)?.[1] ?? '';

  return {
    name,
    stdout: () => said.stdout,
    stderr: () => said.stderr,
    ready: () =>
      until(`${name} to be ready`, LIMIT_MS, async () => {
        if (code !== 'running') throw new EndedError(`${name} ended with ${code}\n${said.stderr}`);
        return url() !== '' && (await fetch(`${url()}/health/ready`)).ok;
      }),
    url,
    get: async (path, headers = {}) => (await fetch(`${url()}${path}`, { headers })).text(),
    done: endedWell,
    stop: async () => {
      child.kill('SIGTERM');
      await endedWell();
    },
    kill: async () => {
      child.kill('SIGKILL');
      await closed;
    },
  };
}

/** The services that processes need, shared with other tests: use prefixes of your own. */
export interface ServicesForProcesses {
  readonly brokers: readonly string[];
  /** The settings for these services, and for a database that nobody else has. */
  readonly env: Environment & { readonly CLICKHOUSE_DATABASE: string };
  /** One more database; it is dropped at the end, too. */
  newDatabase(): string;
  /** For files. */
  readonly folder: string;
  /** ClickHouse's answer to a statement. */
  query(sql: string): Promise<string>;
  dispose(): Promise<void>;
}

/**
 * Kafka and the registry of the test run; the ClickHouse of `CLICKHOUSE_URL`, else an embedded one for this test alone.
 */
export async function servicesForProcesses(): Promise<ServicesForProcesses> {
  const folder = await mkdtemp(join(tmpdir(), 'queuefold-processes-'));
  const server = await serverForTests();
  const dispose = async (): Promise<void> => {
    await server.dispose();
    await rm(folder, { recursive: true, force: true });
  };
  try {
    const [{ brokers }, registry] = await Promise.all([kafkaForTests(), registryForTests()]);
    const credentials = Buffer.from(`${server.username}:${server.password}`).toString('base64');
    return {
      brokers,
      folder,
      dispose,
      newDatabase: server.newDatabase,
      env: {
        KAFKA_BROKERS: brokers.join(','),
        SCHEMA_REGISTRY_URL: registry.url,
        ...server.env(server.newDatabase()),
        REPLICATION_FACTOR: '1',
        HTTP_PORT: '0',
        HTTP_HOST: '127.0.0.1',
        DATA_DIR: folder,
      },
      query: async (sql) => {
        const headers = { authorization: `Basic ${credentials}` };
        const answer = await fetch(server.url, { method: 'POST', body: sql, headers });
        const said = await answer.text();
        if (!answer.ok) throw new Error(said);
        return said;
      },
    };
  } catch (error) {
    await dispose();
    throw error;
  }
}

/** Stands between a simulated organization and its clients. */
export interface Gateway {
  /** Replaces the simulator's. */
  readonly url: string;
  stop(): Promise<void>;
}

/**
 * Passes everything on, with the organization's frames replaced by `alter`'s: so a real bridge can get frames that no
 * simulator sends.
 */
export async function startGateway(
  simulator: Simulator,
  alter: (frame: string) => readonly (string | Buffer)[],
): Promise<Gateway> {
  const { host } = new URL(simulator.apiUrl);
  const server = createServer((request, response) => {
    forward(request, response).catch((error: unknown) => response.writeHead(502).end(String(error)));
  });
  const sockets = new WebSocketServer({ server });
  const upstreams = new Set<WebSocket>();
  const { address, url: ownUrl, stop } = await listenOnLoopback(server);

  async function forward(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { method = 'GET', url = '/', headers } = request;
    const body = await text(request);
    const answer = await fetch(`http://${host}${url}`, {
      method,
      headers: {
        authorization: headers.authorization ?? '',
        'content-type': headers['content-type'] ?? 'application/json',
      },
      ...(body === '' ? {} : { body }),
    });
    // The address of a channel's socket must lead here, too.
    const passedOn = (await answer.text()).replaceAll(host, address);
    response.writeHead(answer.status, { 'content-type': 'application/json' }).end(passedOn);
  }

  sockets.on('connection', (socket, { url }) => {
    const upstream = new WebSocket(`ws://${host}${url ?? '/'}`);
    upstreams.add(upstream);
    upstream.on('message', (data: Buffer) => {
      for (const frame of alter(data.toString('utf8'))) socket.send(frame, { binary: false });
    });
    upstream.on('close', () => socket.close());
    upstream.on('error', () => socket.terminate());
    socket.on('close', () => upstream.terminate());
  });

  return {
    url: ownUrl,
    async stop() {
      for (const upstream of upstreams) upstream.terminate();
      for (const socket of sockets.clients) socket.terminate();
      sockets.close();
      await stop();
    },
  };
}
