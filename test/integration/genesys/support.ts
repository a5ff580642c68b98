import { setTimeout as sleep } from 'node:timers/promises';
import type { FeedOptions, Frame, GenesysFeed, Timings } from '../../../src/genesys';
import { startGenesysFeed } from '../../../src/genesys';
import { createLogging, createMetrics, type Metrics } from '../../../src/ops';
import { type Simulator, type SimulatorOptions, startSimulator } from '../../../src/simulator';

export const PATIENCE_MS = 120_000;

/** Waits until the condition holds; what never does, ends here and not with the process. */
export async function until(condition: () => boolean | Promise<boolean>): Promise<void> {
  const deadline = Date.now() + PATIENCE_MS;
  while (!(await condition())) {
    if (Date.now() > deadline) throw new Error(`still not so after ${PATIENCE_MS} ms: ${condition.toString()}`);
    await sleep(10);
  }
}

/** As fast as a test wants to see things that take seconds or hours. */
export const FAST: Partial<Timings> = {
  requestTimeoutMs: 5_000,
  retryBaseMs: 10,
  retryCapMs: 50,
  reconnectBaseMs: 10,
  reconnectCapMs: 50,
  openTimeoutMs: 2_000,
  overlapMs: 100,
};

export interface Watch {
  readonly simulator: Simulator;
  readonly feed: GenesysFeed;
  readonly frames: readonly Frame[];
  readonly states: readonly string[];
  readonly metrics: Metrics;
  /** The log, a line each. */
  readonly lines: readonly string[];
}

export function quietLogger(lines: string[]): FeedOptions['logger'] {
  return createLogging({ level: 'info', format: 'json', secrets: [], write: (line) => void lines.push(line) }).logger;
}

/** A simulator that waits for its first listener, and a feed on it; both stopped by `stopAll`. */
export function createStage() {
  const running: (() => Promise<void>)[] = [];

  async function simulate(options: Partial<SimulatorOptions> = {}): Promise<Simulator> {
    const simulator = await startSimulator({ seed: 1, startPaused: true, ...options });
    running.push(simulator.stop);
    return simulator;
  }

  async function watch(simulator: Simulator, options: Partial<FeedOptions> = {}): Promise<Watch> {
    const [frames, states, lines]: [Frame[], string[], string[]] = [[], [], []];
    const metrics = createMetrics();
    const feed = await startGenesysFeed({
      credentials: simulator,
      urls: simulator,
      queues: ['*'],
      metrics,
      logger: quietLogger(lines),
      onFrame: (frame) => void frames.push(frame),
      onState: (state) => void states.push(state),
      ...options,
      timings: { ...FAST, ...options.timings },
    });
    running.push(feed.stop);
    return { simulator, feed, frames, states, metrics, lines };
  }

  return {
    simulate,
    watch,
    /** Stops this part, too. What started last is stopped first. */
    stopLater: (stop: () => Promise<void>): void => void running.push(stop),
    stopAll: async () => {
      for (const stop of running.splice(0).reverse()) await stop();
    },
  };
}

export const topicOf = ({ bytes }: Frame): string => (JSON.parse(bytes.toString()) as { topicName: string }).topicName;

export { aClient } from '../../support/genesys/genesys-client';
