import type { Command } from 'commander';

/**
 * The flags with which `simulate` and `start` let people choose the simulated organization. simulation.ts reads them;
 * `--help` does not load it.
 */
export const SIMULATION_FLAGS = {
  seed: { flag: '--seed', fallback: '1', help: 'the same number gives the same conversations' },
  rate: { flag: '--rate', fallback: '2', help: 'new conversations each second, multiplied by --acceleration' },
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
  simPort: {
    flag: '--sim-port',
    fallback: '9480',
    help: 'port of the simulated organization on 127.0.0.1; 0: a free port, which it prints',
  },
} as const satisfies Record<string, { flag: string; fallback: string | null; help: string }>;

export type SimulationFlag = keyof typeof SIMULATION_FLAGS;

/** The flags as people write them. */
export type SimulationFlags = Readonly<Partial<Record<SimulationFlag, string>>>;

/** Defaults of `start`, which prints the address of its organization. */
export const START_SIMULATION: SimulationFlags = { simPort: '0' };

/** @param fallbacks different defaults of this command */
export function addSimulationFlags(command: Command, fallbacks: SimulationFlags = {}): Command {
  for (const [name, { flag, fallback, help }] of Object.entries(SIMULATION_FLAGS)) {
    const shown = fallbacks[name as SimulationFlag] ?? fallback;
    command.option(`${flag} <n>`, shown === null ? help : `${help} (default: ${shown})`);
  }
  return command;
}
