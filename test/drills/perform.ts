import { readFile, writeFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { quietAndCompared } from '../chaos/chaos';
import type { Comparison } from '../chaos/check';
import { until } from '../chaos/until';
import { ruleFiles } from '../support/monitoring';
import { startPrometheus } from '../support/prometheus';
import { DRILLS, type Drill } from './drills';
import { shortened } from './shortened';
import { alertsOf, healthOf, type View } from './signs';
import { setStage, type DrillStage } from './stage';

export interface DrillsOptions {
  readonly seed: number;
  /** By their names; all of them unless told otherwise. */
  readonly only?: readonly string[];
  readonly say: (text: string) => void;
}

export interface DrillReport {
  readonly name: string;
  /** What was to be seen and was not, and alerts that fired for nothing. */
  readonly problems: readonly string[];
  /** From the beginning until all signs had been seen, and from the end until all was well again. */
  readonly seenSeconds: number;
  readonly wellSeconds: number;
}

export interface DrillsResult {
  readonly drills: readonly DrillReport[];
  /** Of the events during the last drill: the part that was in the table within 2 s. */
  readonly withinObjective: number | null;
  readonly comparison: Comparison;
}

/** `for: 5m` of an alert is 30 s, and an age of 2 minutes 12 s. */
const DIVISOR = 10;
/** Of the latency objective: they look back for hours, at the drills before this one too. */
const LOOKS_BACK = /^QueuefoldLatencyBudget/;
const SIGNS_LIMIT_MS = 120_000;
const WELL_LIMIT_MS = 180_000;
const LATENCY = 'queuefold_end_to_end_latency_seconds';

/** One fault after the other against a running system under load; at the end the tables are compared with the events. */
export async function runDrills({ seed, only, say }: DrillsOptions): Promise<DrillsResult> {
  const stage = await setStage(seed);
  try {
    const prometheus = await startPrometheus({
      targets: [...stage.ports.values()].map((port) => `127.0.0.1:${port}`),
      rules: await shortenedRules(stage.folder),
      everySeconds: 1,
    });
    stage.own(prometheus, prometheus.stop);
    const view = { stage, prometheus };
    for (const role of stage.roles) role.start();
    await until('all roles to be ready', WELL_LIMIT_MS, () => isReady(stage));
    stage.simulator.resume();
    await until('all to be well', WELL_LIMIT_MS, () => isWell(view));

    const drills: DrillReport[] = [];
    let withinObjective: number | null = null;
    for (const drill of DRILLS.filter(({ name }) => only === undefined || only.includes(name))) {
      const started = Date.now();
      drills.push(await perform(drill, view, say));
      const range = `[${Math.ceil((Date.now() - started) / 1_000)}s]`;
      const [within] = await prometheus.query(
        `sum(increase(${LATENCY}_bucket{stage="store",le="2"}${range})) / sum(increase(${LATENCY}_count{stage="store"}${range}))`,
      );
      withinObjective = within?.value ?? null;
    }
    stage.simulator.pause();
    return { drills, withinObjective, comparison: await quietAndCompared(stage, say) };
  } catch (error) {
    for (const role of stage.roles) say(`--- ${role.name}\n${role.tail()}`);
    throw error;
  } finally {
    await stage.dispose();
  }
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

async function perform(drill: Drill, view: View, say: (text: string) => void): Promise<DrillReport> {
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

async function isReady(stage: DrillStage): Promise<boolean> {
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
