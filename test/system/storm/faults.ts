import { setTimeout as sleep } from 'node:timers/promises';
import type { Random } from '../../support/processes/random';
import type { Role } from '../../support/processes/role-process';
import { until } from '../../support/processes/until';
import type { TraceEvent } from './trace';

export type StormFault = 'kill' | 'freeze' | 'restart' | 'scale';

export const FAULTS: readonly StormFault[] = ['kill', 'freeze', 'restart', 'scale'];

/** Longer than the session time-out: the group has shared out what the member had. */
const FROZEN_MS = 9_000;
const SCALED_DOWN_MS = 9_000;
/** Of four: with none left nobody could go on. */
const MOST_AT_ONCE = 2;
const BACK_WITHIN_MS = 120_000;

/** Hits members, each with one fault at a time. */
export class Faults {
  readonly #busy = new Map<Role, Promise<void>>();
  readonly #events: TraceEvent[];
  readonly #problems: unknown[] = [];

  constructor(events: TraceEvent[]) {
    this.#events = events;
  }

  /** Any member that nothing has hit yet; undefined: as many are hit as may be. */
  idle(members: readonly Role[], random: Random): Role | undefined {
    if (this.#busy.size >= MOST_AT_ONCE) return undefined;
    return random.shuffled(members.filter((member) => !this.#busy.has(member)))[0];
  }

  /** What follows (it is thawed, it starts again, it is ready) goes on by itself. */
  hit(member: Role, fault: StormFault): void {
    this.#note(member, 'fault', fault);
    const after = this.#inflict(member, fault)
      .then(() => until(`${member.name} to be ready`, BACK_WITHIN_MS, () => member.ready()))
      .catch((error: unknown) => void this.#problems.push(error))
      .finally(() => {
        this.#note(member, 'over', fault);
        this.#busy.delete(member);
      });
    this.#busy.set(member, after);
  }

  /** Resolves when all that was begun is over. */
  async over(): Promise<void> {
    await Promise.all(this.#busy.values());
    if (this.#problems.length > 0) throw this.#problems[0];
  }

  async #inflict(member: Role, fault: StormFault): Promise<void> {
    switch (fault) {
      case 'kill':
        await member.kill();
        break;
      case 'freeze':
        member.freeze();
        await sleep(FROZEN_MS);
        member.thaw();
        return;
      case 'restart':
        await ended(member);
        break;
      case 'scale':
        await ended(member);
        await sleep(SCALED_DOWN_MS);
    }
    member.start();
  }

  #note(member: Role, kind: 'fault' | 'over', fault: StormFault): void {
    this.#events.push({
      at: Date.now(),
      member: member.name,
      kind,
      partition: null,
      detail: `${fault} ${member.name}`,
    });
  }
}

/** By SIGTERM; one that is still starting knows no signal yet. */
async function ended(member: Role): Promise<void> {
  if (await member.ready().catch(() => false)) await member.stop();
  else await member.kill();
}
