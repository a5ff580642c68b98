import { readFile, writeFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { ruleFiles } from '../../support/monitoring/monitoring';
import { startPrometheus } from '../../support/monitoring/prometheus';
import { until } from '../../support/processes/until';
import type { Drill } from './drills';
import { shortened } from './shortened';
import { alertsOf, healthOf, type View, type Watched } from './signs';

export interface DrillReport {
  readonly name: string;
  /** What was to be seen and was not, and alerts that fired for nothing. */
  readonly problems: readonly string[];
  /** From the beginning until all signs had been seen, and from the end until all was well again. */
  readonly seenSeconds: number;
  readonly wellSeconds: number;
}

/** `for: 5m` of an alert is 30 s, and an age of 2 minutes 12 s. */
const DIVISOR = 10;
/** Of the latency objective: they look back for hours, at the drills before this one too. */
const LOOKS_BACK = /^QueuefoldLatencyBudget/;
const SIGNS_LIMIT_MS = 180_000;
const WELL_LIMIT_MS = 240_000;

/** A Prometheus of its own for the processes, with the alerts as they are shipped, but sooner. Is to be stopped. */
export async function watching<S extends Watched>(stage: S, folder: string): Promise<View<S>> {
  const prometheus = await startPrometheus({
    targets: [...stage.ports.values()].map((port) => `127.0.0.1:${port}`),
    rules: await shortenedRules(folder),
    everySeconds: 1,
  });
  return { stage, prometheus };
}

async function shortenedRules(folder: string): Promise<readonly string[]> {
  return Promise.all(
    ruleFiles().map(async (file) => {
      const copy = join(folder, basename(file));
      await writeFile(copy, shortened(await readFile(file, 'utf8'), DIVISOR));
      return copy;
    }),
  );
}

/** When all is well the fault begins; when all signs of it were seen, or were not, it ends. */
export async function perform<S extends Watched>(
  drill: Drill<S>,
  view: View<S>,
  say: (text: string) => void,
): Promise<DrillReport> {
  const { name, signs, also = [] } = drill;
  const problems = new Set<string>();
  const missing = new Map(signs.map((sign) => [sign, '']));
  const expected = new Set([...also, ...signs.flatMap(({ what }) => /^alert (\w+)/.exec(what)?.[1] ?? [])]);
  const look = async (): Promise<void> => {
    for (const sign of missing.keys()) {
      const instead = await sign.look(view);
      if (instead === null) missing.delete(sign);
      else missing.set(sign, instead);
    }
    for (const { name: alert, state } of await alertsOf(view.prometheus)) {
      if (state === 'firing' && !expected.has(alert) && !LOOKS_BACK.test(alert)) problems.add(`alert ${alert} fired`);
    }
  };

  await until(`all to be well before: ${name}`, WELL_LIMIT_MS, () => isWell(view));
  say(name);
  for (const sign of signs) await sign.look(view); // what was there before
  const started = Date.now();
  await drill.begin(view.stage);
  do {
    await look();
    if (missing.size > 0) await sleep(500);
  } while (missing.size > 0 && Date.now() - started < SIGNS_LIMIT_MS);
  for (const [{ what }, instead] of missing) problems.add(`not seen: ${what}; instead: ${instead}`);
  const seenSeconds = (Date.now() - started) / 1_000;
  const ended = Date.now();
  await drill.end(view.stage);
  await until(`all to be well again after: ${name}`, WELL_LIMIT_MS, () => isWell(view)).catch((error: unknown) => {
    problems.add(String(error));
  });
  const wellSeconds = (Date.now() - ended) / 1_000;
  say(
    `${name}: seen after ${seenSeconds} s, over after ${wellSeconds} s${[...problems].map((one) => `\n  ${one}`).join('')}`,
  );
  return { name, problems: [...problems], seenSeconds, wellSeconds };
}

export async function isReady(stage: Watched): Promise<boolean> {
  const all = await Promise.all(stage.roles.map((role) => healthOf(stage, role)));
  return all.every((health) => health.ready);
}

/** Every process is ready, no alert is firing or about to, and rows are seconds old. */
async function isWell({ stage, prometheus }: View): Promise<boolean> {
  if (!(await isReady(stage))) return false;
  const alerts = (await alertsOf(prometheus)).filter(({ name }) => !LOOKS_BACK.test(name));
  if (alerts.length > 0) throw new Error(JSON.stringify(alerts));
  return true;
}
