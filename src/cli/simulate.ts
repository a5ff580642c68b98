import { messageOf, OperatorError, write } from '../common';
import { type Simulator, type SimulatorOptions, startSimulator } from '../simulator';
import type { Context } from './context';
import { simulationOf } from './simulation';
import type { SimulationFlags } from './simulation-flags';
import { counted } from './text';

/** `queuefold simulate`: runs until somebody stops it. It prints on stdout the settings that a client needs. */
export async function runSimulate(context: Context, flags: SimulationFlags): Promise<void> {
  const { io, quiet, shutdown } = context;
  const simulator = await startListening(simulationOf(flags));
  shutdown.onStop('simulator', () => simulator.stop());
  await write(io.stdout, settingsFor(simulator));
  if (!quiet) {
    io.stderr.write(
      `${counted(simulator.queues.length, 'queue')}. ${simulator.apiUrl}/truth shows the right table. Ctrl-C ends it.\n`,
    );
  }
  await shutdown.until();
}

function settingsFor({ loginUrl, apiUrl, clientId, clientSecret }: Simulator): string {
  const settings = {
    GENESYS_LOGIN_URL: loginUrl,
    GENESYS_API_URL: apiUrl,
    GENESYS_CLIENT_ID: clientId,
    // The simulator invented this secret and nothing else accepts it, so anybody may see it.
    GENESYS_CLIENT_SECRET: clientSecret,
  };
  return Object.entries(settings)
    .map(([key, value]) => `${key}=${value}\n`)
    .join('');
}

/** @throws OperatorError if the port is taken */
export async function startListening(simulation: SimulatorOptions): Promise<Simulator> {
  try {
    return await startSimulator(simulation);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EADDRINUSE') throw error;
    throw new OperatorError(
      `--sim-port: port ${simulation.port} is taken (${messageOf(error)}). Name another one, or 0 for a free one.`,
    );
  }
}
