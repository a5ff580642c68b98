import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { freePorts } from '../../src/embedded/ports';
import { until } from '../chaos/until';

/** A real Prometheus that scrapes the roles every second and evaluates queuefold's own rules. */
export interface Prometheus {
  /** `alertname{label="value"}` → firing or pending, with the labels that tell alerts apart. */
  alerts(): Promise<readonly Alert[]>;
  /** The greatest value of the result; null: it is empty. */
  query(promql: string): Promise<number | null>;
  stop(): Promise<void>;
}

export interface Alert {
  readonly name: string;
  readonly state: 'pending' | 'firing';
  readonly labels: Readonly<Record<string, string>>;
}

export interface PrometheusOptions {
  readonly folder: string;
  /** Of queuefold: each `*.yaml` in it. */
  readonly rules: string;
  /** `host:port` by job. */
  readonly targets: Readonly<Record<string, readonly string[]>>;
  /** Every duration in the rules becomes so many times shorter: nobody waits 15 minutes for an alert. */
  readonly divisor: number;
}

const START_LIMIT_MS = 60_000;
const SECONDS: Readonly<Record<string, number>> = { s: 1, m: 60, h: 3_600, d: 86_400 };

/** `for: 5m`, `[15m:1m]` and `time() - x > 120` are durations; 1 s is the shortest that Prometheus sees anything in. */
export function shortened(rules: string, divisor: number): string {
  const shorter = (seconds: number): number => Math.max(1, Math.round(seconds / divisor));
  const duration = (text: string): string =>
    text.replace(
      /(\d+)([smhd])/g,
      (_, number: string, unit: string) => `${shorter(Number(number) * (SECONDS[unit] ?? 1))}s`,
    );
  return rules
    .replace(/\bfor: \d+[smhd]\b/g, duration)
    .replace(/\[\d+[smhd](:\d*[smhd]?)?\]/g, duration)
    .replace(
      /(time\(\) - [^>\n]+ > )(\d+)/g,
      (_, before: string, seconds: string) => `${before}${shorter(Number(seconds))}`,
    );
}

export async function startPrometheus({ folder, rules, targets, divisor }: PrometheusOptions): Promise<Prometheus> {
  const home = join(folder, 'prometheus');
  await mkdir(home, { recursive: true });
  for (const file of await readdir(rules)) {
    await writeFile(join(home, file), shortened(await readFile(join(rules, file), 'utf8'), divisor));
  }
  const config = {
    global: { scrape_interval: '1s', scrape_timeout: '1s', evaluation_interval: '1s' },
    rule_files: [join(home, '*.yaml')],
    scrape_configs: Object.entries(targets).map(([job, hosts]) => ({
      job_name: job,
      static_configs: [{ targets: hosts }],
    })),
  };
  // JSON is YAML. Its name must not match that of the rules.
  await writeFile(join(home, 'prometheus.json'), JSON.stringify(config));
  const [port = 0] = await freePorts(1);
  const url = `http://127.0.0.1:${port}`;
  const child = spawn(
    'prometheus',
    [
      `--config.file=${join(home, 'prometheus.json')}`,
      `--storage.tsdb.path=${join(home, 'data')}`,
      `--web.listen-address=127.0.0.1:${port}`,
      '--log.level=warn',
    ],
    { stdio: ['ignore', 'ignore', 'pipe'] },
  );
  let said = '';
  child.stderr.setEncoding('utf8').on('data', (text: string) => (said = (said + text).slice(-4_000)));
  const gone = once(child, 'exit').catch((error: unknown) => {
    throw new Error('prometheus cannot be started: install the Debian package of that name', { cause: error });
  });
  const stop = async (): Promise<void> => {
    child.kill('SIGKILL');
    await gone;
  };
  const ask = async <T>(path: string): Promise<T> => {
    const answer = await fetch(`${url}/api/v1/${path}`);
    const body = (await answer.json()) as { data: T; error?: string };
    if (!answer.ok) throw new Error(`prometheus: ${body.error}`);
    return body.data;
  };
  const ready = until('prometheus to be ready', START_LIMIT_MS, async () => (await fetch(`${url}/-/ready`)).ok);
  await Promise.race([
    ready,
    gone.then(() => {
      throw new Error(`prometheus ended: ${said}`);
    }),
  ]);

  return {
    alerts: async () => {
      const { alerts } = await ask<{ alerts: { state: Alert['state']; labels: Record<string, string> }[] }>('alerts');
      return alerts.map(({ state, labels: { alertname = '', ...labels } }) => ({ name: alertname, state, labels }));
    },
    query: async (promql) => {
      const { result } = await ask<{ result: { value: [number, string] }[] }>(
        `query?query=${encodeURIComponent(promql)}`,
      );
      const values = result.map(({ value: [, text] }) => Number(text));
      return values.length === 0 ? null : Math.max(...values);
    },
    stop,
  };
}
