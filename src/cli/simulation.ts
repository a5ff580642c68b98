import { UsageError } from '../common';
import { type Config, integer, number, readFlag } from '../config';
import type { SimulatorOptions } from '../simulator';
import { SIMULATION_FLAGS, type SimulationFlag, type SimulationFlags } from './simulation-flags';

const UINT32_MAX = 2 ** 32 - 1;

const KINDS = {
  seed: integer(0, UINT32_MAX),
  rate: number(0.01, 10_000),
  queues: integer(1, 10_000),
  agents: integer(1, 100_000),
  acceleration: number(1, 60),
  faultsSeed: integer(0, UINT32_MAX),
  simPort: integer(0, 65_535),
} as const;

/**
 * The simulated organization that the flags ask for.
 * @param fallbacks different defaults of this command
 * @throws UsageError that names the flag, its value and what is allowed
 */
export function simulationOf(
  flags: SimulationFlags,
  fallbacks: SimulationFlags = {},
): SimulatorOptions & { readonly port: number } {
  const given = (name: SimulationFlag) => flags[name] ?? fallbacks[name] ?? SIMULATION_FLAGS[name].fallback;
  const read = (name: SimulationFlag) => readFlag(SIMULATION_FLAGS[name].flag, KINDS[name], given(name) ?? '');
  return {
    seed: read('seed'),
    conversationsPerSecond: read('rate'),
    queues: read('queues'),
    agents: read('agents'),
    acceleration: read('acceleration'),
    faultsSeed: given('faultsSeed') === null ? undefined : read('faultsSeed'),
    port: read('simPort'),
  };
}

/** @throws UsageError if flags ask for the simulated organization, and the settings for the real one */
export function refuseForRealGenesys({ genesys }: Config, flags: SimulationFlags): void {
  if (genesys.clientId === undefined) return;
  const given = Object.entries(SIMULATION_FLAGS).flatMap(([name, { flag }]) =>
    flags[name as SimulationFlag] === undefined ? [] : [flag],
  );
  if (given.length === 0) return;
  throw new UsageError(
    `${given.join(', ')}: only for the simulated organization, but GENESYS_CLIENT_ID names a real one. Leave out either the flags or GENESYS_CLIENT_ID.`,
  );
}
