import type { Command } from 'commander';

/** The simulated organization, as `simulate` and `start` let one choose it. Read by simulation.ts, which `--help` does not load. */
export const SIMULATION_FLAGS = {
  seed: { flag: '--seed', fallback: '1', help: 'the same number gives the same conversations' },
  rate: { flag: '--rate', fallback: '2', help: 'new conversations a second, times --acceleration' },
  queues: { flag: '--queues', fallback: '8', help: 'number of queues' },
  agents: { flag: '--agents', fallback: '60', help: 'number of agents' },
  acceleration: {
    flag: '--acceleration',
    fallback: '1',
    help: 'speeds up conversations and the time limits of Genesys by this factor, at most 60',
  },
  faultsSeed: {
    flag: '--faults-seed',
    fallback: null,
    help: 'makes one thing after another go wrong; the same number gives the same faults',
  },
  simPort: { flag: '--sim-port', fallback: '9480', help: 'port on 127.0.0.1; 0: a free one, printed' },
} as const satisfies Record<string, { flag: string; fallback: string | null; help: string }>;

export type SimulationFlag = keyof typeof SIMULATION_FLAGS;

/** As people wrote them. */
export type SimulationFlags = Readonly<Partial<Record<SimulationFlag, string>>>;

/** Defaults of `start`, which prints where its organization is. */
export const START_SIMULATION: SimulationFlags = { simPort: '0' };

/** @param fallbacks defaults of this command that differ */
export function addSimulationFlags(command: Command, fallbacks: SimulationFlags = {}): Command {
  for (const [name, { flag, fallback, help }] of Object.entries(SIMULATION_FLAGS)) {
    const shown = fallbacks[name as SimulationFlag] ?? fallback;
    command.option(`${flag} <n>`, shown === null ? help : `${help} (default: ${shown})`);
  }
  return command;
}
