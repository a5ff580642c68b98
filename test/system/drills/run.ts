import { MountError } from '../../support/files/small-disk';
import { until } from '../../support/processes/until';
import { quietAndCompared } from '../chaos/chaos';
import type { Comparison } from '../chaos/check';
import { DRILLS } from './drills';
import { drillFullDisk, FULL_DISK } from './full-disk';
import { isReady, perform, watching, type DrillReport } from './perform';
import { setStage } from './stage';

export interface DrillsOptions {
  readonly seed: number;
  /** By their names; all of them unless told otherwise. */
  readonly only?: readonly string[];
  readonly say: (text: string) => void;
}

export interface DrillsResult {
  readonly drills: readonly DrillReport[];
  /** What this machine does not permit: neither passed nor failed. */
  readonly notRun: readonly { readonly name: string; readonly reason: string }[];
  /** Of the events during the last drill: the part that was in the table within 2 s. */
  readonly withinObjective: number | null;
  /** Null: no drill of the roles was among them. */
  readonly comparison: Comparison | null;
}

const READY_LIMIT_MS = 180_000;
const LATENCY = 'queuefold_end_to_end_latency_seconds';

/** One fault after the other against a running system under load; at the end the tables are compared with the events. */
export async function runDrills({ seed, only, say }: DrillsOptions): Promise<DrillsResult> {
  const isWanted = ({ name }: { readonly name: string }): boolean => only?.includes(name) ?? true;
  const known = [...DRILLS, FULL_DISK].map(({ name }) => name);
  for (const name of only ?? []) {
    if (!known.includes(name)) throw new Error(`--only ${name}: no such drill. There are: ${known.join(', ')}`);
  }
  const disk = isWanted(FULL_DISK) ? await fullDisk(seed, say) : { drills: [], notRun: [] };
  const wanted = DRILLS.filter(isWanted);
  if (wanted.length === 0) return { ...disk, withinObjective: null, comparison: null };
  const roles = await drillRoles(wanted, seed, say);
  return { ...roles, ...disk, drills: [...disk.drills, ...roles.drills] };
}

async function fullDisk(seed: number, say: (text: string) => void): Promise<Pick<DrillsResult, 'drills' | 'notRun'>> {
  try {
    return { drills: [await drillFullDisk(seed, say)], notRun: [] };
  } catch (error) {
    if (!(error instanceof MountError)) throw error;
    say(`${FULL_DISK.name}: NOT RUN, ${error.message}`);
    return { drills: [], notRun: [{ name: FULL_DISK.name, reason: error.message }] };
  }
}

async function drillRoles(
  wanted: typeof DRILLS,
  seed: number,
  say: (text: string) => void,
): Promise<Pick<DrillsResult, 'drills' | 'withinObjective' | 'comparison'>> {
  const stage = await setStage(seed);
  try {
    const view = await watching(stage, stage.folder);
    const { prometheus } = view;
    stage.own(prometheus, prometheus.stop);
    for (const role of stage.roles) role.start();
    await until('all roles to be ready', READY_LIMIT_MS, () => isReady(stage));
    stage.simulator.resume();

    const drills: DrillReport[] = [];
    let withinObjective: number | null = null;
    for (const drill of wanted) {
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
