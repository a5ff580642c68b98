import type { Random } from '../../support/processes/random';
import { isSharedOut, type Role } from '../../support/processes/role-process';
import { until } from '../../support/processes/until';
import { PARTITIONS, type Stage } from './stage';

export type Fault =
  'kill-bridge' | 'kill-fold-1' | 'kill-fold-2' | 'kill-sink' | 'zombie' | 'early-zombie' | 'kill-broker';

/** What a zombie was seen to do once it was awake. */
export interface Sighting {
  readonly fault: Fault;
  readonly fenced: number;
  readonly rejoined: number;
}

const LIMIT_MS = 180_000;
const FENCED = 'another process has taken over the partition';
const ASSIGNED = 'partitions assigned';

/** Kills are spread over the four processes; each other fault comes once. */
export function planRound(random: Random, kills: number): readonly Fault[] {
  const killed: readonly Fault[] = ['kill-bridge', 'kill-fold-1', 'kill-fold-2', 'kill-sink'];
  const all = Array.from({ length: kills }, (_, index) => killed[index % killed.length] ?? 'kill-sink');
  return random.shuffled([...all, 'zombie', 'early-zombie', 'kill-broker']);
}

export async function allReady({ roles, folds }: Stage): Promise<void> {
  for (const role of roles) await until(`${role.name} to be ready`, LIMIT_MS, () => role.ready());
  await until('the folds to share out the partitions', LIMIT_MS, () => isSharedOut(folds, PARTITIONS));
}

export async function inflict(fault: Fault, stage: Stage, random: Random): Promise<Sighting | null> {
  switch (fault) {
    case 'kill-bridge':
      return killed(stage.bridge);
    case 'kill-fold-1':
      return killed(stage.folds[0]);
    case 'kill-fold-2':
      return killed(stage.folds[1]);
    case 'kill-sink':
      return killed(stage.sink);
    case 'kill-broker':
      // A process that only starts may give up without a broker, and says so: not what is looked for here.
      await allReady(stage);
      await stage.kafka.kill9();
      await stage.kafka.restart();
      return null;
    case 'zombie':
    case 'early-zombie':
      return zombie(fault, stage, random.below(2) === 0);
  }
}

async function killed(role: Role): Promise<null> {
  await role.kill();
  role.start();
  return null;
}

/** One fold is stopped until the other has taken over all that it had, and woken. */
async function zombie(fault: 'zombie' | 'early-zombie', stage: Stage, isFirst: boolean): Promise<Sighting> {
  const [victim, other] = isFirst ? stage.folds : ([stage.folds[1], stage.folds[0]] as const);
  await allReady(stage);
  const count = (message: string) => victim.said(message) + other.said(message);
  if (fault === 'zombie') {
    victim.freeze();
  } else {
    await victim.kill();
    victim.start({ CHAOS_STOP: 'assigned' });
    await until(
      `${victim.name} to stop itself between assignment and fencing`,
      LIMIT_MS,
      () => victim.partitions().length > 0,
    );
  }
  // What the other one says of an earlier time, before the victim had its share, is no take-over.
  const tookOver = () => other.partitions().length === PARTITIONS && other.assignedAt() > victim.assignedAt();
  await until(
    `${other.name} to take over from ${victim.name}`,
    LIMIT_MS,
    async () => tookOver() && (await other.ready()),
  );
  const [fenced, rejoined] = [count(FENCED), victim.said(ASSIGNED)];
  victim.thaw();
  await until(`${victim.name} to be assigned partitions again`, LIMIT_MS, () => victim.said(ASSIGNED) > rejoined);
  await allReady(stage);
  return { fault, fenced: count(FENCED) - fenced, rejoined: victim.said(ASSIGNED) - rejoined };
}
