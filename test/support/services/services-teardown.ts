import { STOP_SERVICES } from './services-host';

/** jest's globalTeardown: stops the services that the host started because a test needed them. */
async function teardown(): Promise<void> {
  const held = globalThis as { [STOP_SERVICES]?: () => Promise<void> };
  await held[STOP_SERVICES]?.();
}

export = teardown;
