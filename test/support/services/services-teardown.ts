import { STOP_SERVICES } from './services-host';

/** jest's globalTeardown: stops what services-setup.ts started because a test asked for it. */
async function teardown(): Promise<void> {
  const held = globalThis as { [STOP_SERVICES]?: () => Promise<void> };
  await held[STOP_SERVICES]?.();
}

export = teardown;
