import { messageOf, OperatorError, write } from '../common';
import { type Simulator, startSimulator } from '../simulator';
import type { Context } from './context';

/** `queuefold simulate`: runs until it is told to stop; stdout is what a client needs, as settings. */
export async function runSimulate(context: Context): Promise<void> {
  const { config, io, quiet, shutdown } = context;
  const { port } = config.simulator;
  const simulator = await listening(port, () => startSimulator(config.simulator));
  shutdown.onStop('simulator', () => simulator.stop());
  await write(io.stdout, settingsFor(simulator));
  if (!quiet) {
    io.stderr.write(
      `${simulator.queues.length} queues; what should be in them: ${simulator.apiUrl}/truth. Ctrl-C ends it.\n`,
    );
  }
  await shutdown.until();
}

function settingsFor({ loginUrl, apiUrl, clientId, clientSecret }: Simulator): string {
  const settings = {
    GENESYS_LOGIN_URL: loginUrl,
    GENESYS_API_URL: apiUrl,
    GENESYS_CLIENT_ID: clientId,
    // Invented, and good for nothing but this process: it may be printed.
    GENESYS_CLIENT_SECRET: clientSecret,
  };
  return Object.entries(settings)
    .map(([key, value]) => `${key}=${value}\n`)
    .join('');
}

async function listening(port: number, start: () => Promise<Simulator>): Promise<Simulator> {
  try {
    return await start();
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EADDRINUSE') throw error;
    throw new OperatorError(
      `SIM_PORT: port ${port} is taken (${messageOf(error)}). Set SIM_PORT or --port to another one, or to 0 for a free one.`,
    );
  }
}
