import { existsSync } from 'node:fs';
import { join } from 'node:path';
import type { OperatorError } from '../common';
import { containerEngineAnswers, startKafkaContainer, startRegistryContainer } from './containers';
import { type KafkaOptions, startKafka } from './kafka';
import type { KafkaOverrides } from './kafka-settings';
import type { OnProgress } from './maven';
import { startRegistry } from './registry';

/** Where the service comes from. A `configured` one belongs to somebody else and is never stopped. */
export type Source = 'configured' | 'container' | 'embedded';

export interface Provided {
  readonly source: Source;
  stop(): Promise<void>;
  /** Resolves with an error to show if it ended unexpectedly; never for a configured one. */
  readonly ended: Promise<OperatorError | undefined>;
}

export interface ProvideOptions {
  /** KAFKA_BROKERS or SCHEMA_REGISTRY_URL. */
  readonly configured?: string | undefined;
  readonly dataDir: string;
  /** Whether a container's data stay after stop(); default `keep`. Embedded data are in dataDir in any case. */
  readonly data?: 'keep' | 'forget';
  readonly heapMb?: number;
  readonly onProgress?: OnProgress;
  /** Aborts a start. */
  readonly signal?: AbortSignal;
}

const UNTOUCHED = {
  source: 'configured',
  stop: () => Promise.resolve(),
  ended: new Promise<undefined>(() => undefined),
} as const;

/**
 * A Kafka: the configured one, else one in a container if an engine answers, else an embedded one. Throws an
 * OperatorError.
 */
export async function provideKafka(
  options: ProvideOptions & { readonly overrides?: KafkaOverrides } & Pick<KafkaOptions, 'jvmFlags'>,
): Promise<Provided & { readonly brokers: readonly string[] }> {
  const { configured, data = 'keep', ...rest } = options;
  if (configured) return { ...UNTOUCHED, brokers: configured.split(',').map((broker) => broker.trim()) };
  if (await prefersContainer(options.dataDir, 'kafka')) {
    return { source: 'container', ...(await startKafkaContainer({ ...rest, data })) };
  }
  const { brokers, stop, ended } = await startKafka(rest);
  return { source: 'embedded', brokers, stop, ended };
}

/** A schema registry with the Confluent API, chosen in the same way as Kafka. Throws an OperatorError. */
export async function provideRegistry(options: ProvideOptions): Promise<Provided & { readonly url: string }> {
  const { configured, data = 'keep', ...rest } = options;
  if (configured) return { ...UNTOUCHED, url: configured.replace(/\/+$/, '') };
  if (await prefersContainer(options.dataDir, 'registry')) {
    return { source: 'container', ...(await startRegistryContainer({ ...rest, data })) };
  }
  const { url, stop, ended } = await startRegistry(rest);
  return { source: 'embedded', url, stop, ended };
}

/**
 * A folder with embedded data keeps its kind of service: an engine installed later must not make those data disappear.
 */
async function prefersContainer(dataDir: string, service: 'kafka' | 'registry'): Promise<boolean> {
  return !existsSync(join(dataDir, service, 'data')) && (await containerEngineAnswers());
}
