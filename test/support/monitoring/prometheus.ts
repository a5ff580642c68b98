import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer, type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const REMEDY =
  'Install it (Debian, Ubuntu: apt-get install --no-install-recommends prometheus; as root in CI .ci/run does it), ' +
  'or put both prometheus and promtool of https://prometheus.io/download/ on the PATH.';

/** Rejects with promtool's message, and with the remedy if promtool is missing. */
export function promtool(args: readonly string[], stdin = ''): Promise<string> {
  return new Promise((resolve, reject) => {
    const child = execFile('promtool', [...args], { maxBuffer: 64 * 1024 * 1024 }, (error, stdout, stderr) => {
      if (error === null) resolve(stdout);
      else reject(new Error(error.code === 'ENOENT' ? `There is no promtool. ${REMEDY}` : `${stdout}${stderr}`));
    });
    // A program that does not read stdin may have ended before.
    child.stdin?.on('error', () => undefined).end(stdin);
  });
}

export interface Prometheus {
  /** GET of its API; rejects with the API's error. */
  api(path: string, params?: Readonly<Record<string, string>>): Promise<unknown>;
  /** The series of an instant query, each with its value. */
  query(promql: string): Promise<readonly { readonly metric: Record<string, string>; readonly value: number }[]>;
  stop(): Promise<void>;
}

export interface PrometheusOptions {
  /** The `host:port` addresses to scrape, as one job. */
  readonly targets: readonly string[];
  readonly rules: readonly string[];
  /** The time between two scrapes, and between two evaluations of the rules. Default 5. */
  readonly everySeconds?: number;
}

/** A real Prometheus with a folder of its own. */
export async function startPrometheus(options: PrometheusOptions): Promise<Prometheus> {
  const { targets, rules } = options;
  const every = `${options.everySeconds ?? 5}s`;
  const folder = await mkdtemp(join(tmpdir(), 'queuefold-prometheus-'));
  const port = await freePort();
  const config = {
    global: { scrape_interval: every, scrape_timeout: every, evaluation_interval: every },
    rule_files: rules,
    scrape_configs: [{ job_name: 'queuefold', static_configs: [{ targets }] }],
  };
  // JSON is YAML.
  await writeFile(join(folder, 'prometheus.yml'), JSON.stringify(config));
  const child = spawn(
    'prometheus',
    [
      `--config.file=${join(folder, 'prometheus.yml')}`,
      `--storage.tsdb.path=${join(folder, 'data')}`,
      `--web.listen-address=127.0.0.1:${port}`,
      '--enable-feature=exemplar-storage',
      '--log.level=warn',
    ],
    { stdio: ['ignore', 'ignore', 'pipe'] },
  );
  let said = '';
  child.stderr.on('data', (text: Buffer) => (said += text.toString()));
  const spawned = await Promise.race([
    once(child, 'spawn').then(() => null),
    once(child, 'error').then(([error]) => error as NodeJS.ErrnoException),
  ]);
  if (spawned !== null)
    throw new Error(spawned.code === 'ENOENT' ? `There is no prometheus. ${REMEDY}` : spawned.message);
  const ended = once(child, 'exit');

  const api = async (path: string, params: Readonly<Record<string, string>> = {}): Promise<unknown> => {
    const response = await fetch(`http://127.0.0.1:${port}/api/v1/${path}?${new URLSearchParams(params).toString()}`);
    const answer = (await response.json()) as { status: string; data: unknown; error?: string };
    if (answer.status !== 'success') throw new Error(`${path} ${JSON.stringify(params)}: ${answer.error ?? ''}`);
    return answer.data;
  };
  const ready = async (): Promise<void> => {
    for (;;) {
      if (child.exitCode !== null) throw new Error(`Prometheus ended with ${child.exitCode}: ${said}`);
      const answer = await fetch(`http://127.0.0.1:${port}/-/ready`).catch(() => null);
      if (answer?.ok === true) return;
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
  };
  const stop = async (): Promise<void> => {
    child.kill();
    await ended;
    await rm(folder, { recursive: true, force: true });
  };
  try {
    await ready();
  } catch (error) {
    await stop();
    throw error;
  }
  return {
    api,
    query: async (promql) => {
      const data = (await api('query', { query: promql })) as {
        result: readonly { metric: Record<string, string>; value: readonly [number, string] }[];
      };
      return data.result.map(({ metric, value: [, value] }) => ({ metric, value: Number(value) }));
    },
    stop,
  };
}

async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return port;
}
