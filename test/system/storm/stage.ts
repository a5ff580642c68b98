import { topicDefinitions, topicNames } from '../../../src/log';
import type { Simulator } from '../../../src/simulator';
import { createStockAdmin } from '../../support/kafka/kafka-admin';
import { createRole, type Environment, type Role } from '../../support/processes/role-process';
import { setServices } from '../../support/services/own-services';
import { addStoreAndOrganisation, type StageOptions } from '../chaos/stage';
import { eventOf, type TraceEvent } from './trace';

const MEMBERS = 4;

/** Everything that takes part; faults hit only the folds. */
export interface StormStage {
  readonly env: Environment;
  readonly kafka: { readonly brokers: readonly string[] };
  readonly simulator: Simulator;
  readonly bridge: Role;
  readonly folds: readonly Role[];
  readonly sink: Role;
  /** What the folds said of their lives so far. */
  readonly events: TraceEvent[];
  /** Ends every process and removes the data, whatever happened before. */
  dispose(): Promise<void>;
}

export interface StormStageOptions extends StageOptions {
  /** FOLD_STANDBY of the folds. Default: off. */
  readonly standby?: 'on' | 'off';
}

export async function setStormStage(options: StormStageOptions): Promise<StormStage> {
  const services = await setServices('storm');
  const { kafka, own, dispose } = services;
  try {
    const { simulator, env } = await addStoreAndOrganisation(services, options);
    await useTimeOfBroker(kafka.brokers, env['TOPIC_PREFIX'] ?? '');
    const events: TraceEvent[] = [];
    const role = (name: string, command: string, extra: Environment = {}): Role => {
      const note = (text: string): void => {
        const event = eventOf(name, text);
        if (event !== null) events.push(event);
      };
      const created = createRole(name, command, { ...env, ...extra }, note);
      return own(created, created.kill);
    };
    const bridge = role('bridge', 'bridge');
    const folds = Array.from({ length: MEMBERS }, (_, index) =>
      role(`fold-${index + 1}`, 'fold', { LOG_LEVEL: 'debug', FOLD_STANDBY: options.standby ?? 'off' }),
    );
    const sink = role('sink', 'sink');
    return { env, kafka, simulator, bridge, folds, sink, events, dispose };
  } catch (error) {
    await dispose();
    throw error;
  }
}

/** Events and changelog then tell when the broker took a record, whatever the clocks of its writers say. */
async function useTimeOfBroker(brokers: readonly string[], prefix: string): Promise<void> {
  const names = topicNames(prefix);
  const { alterTopic, close } = await createStockAdmin(brokers);
  try {
    for (const { topic, config } of topicDefinitions(names, 1)) {
      if (topic !== names.events && topic !== names.changelog) continue;
      await alterTopic(topic, { ...config, 'message.timestamp.type': 'LogAppendTime' });
    }
  } finally {
    await close();
  }
}
