import { UsageError } from '../common';
import type { ClickHouseConfig, Config, GenesysConfig, KafkaConfig, RegistryConfig } from './groups';
import type { Secret } from './secret';

/** The groups that a command may need, with all their values set. */
export interface RequiredGroups {
  readonly kafka: KafkaConfig & { readonly brokers: readonly string[] };
  readonly registry: RegistryConfig & { readonly url: string };
  readonly clickhouse: ClickHouseConfig & { readonly url: string };
  readonly genesys: GenesysConfig & {
    readonly clientId: string;
    readonly clientSecret: Secret;
    readonly loginUrl: string;
    readonly apiUrl: string;
  };
}

const GENESYS_URLS = 'GENESYS_REGION (or GENESYS_LOGIN_URL and GENESYS_API_URL)';

/** The required settings, by the name under which people set them. */
const REQUIRED: { readonly [G in keyof RequiredGroups]: (config: Config) => Readonly<Record<string, unknown>> } = {
  kafka: ({ kafka }) => ({ KAFKA_BROKERS: kafka.brokers }),
  registry: ({ registry }) => ({ SCHEMA_REGISTRY_URL: registry.url }),
  clickhouse: ({ clickhouse }) => ({ CLICKHOUSE_URL: clickhouse.url }),
  genesys: ({ genesys }) => ({
    [GENESYS_URLS]: genesys.loginUrl,
    GENESYS_CLIENT_ID: genesys.clientId,
    GENESYS_CLIENT_SECRET: genesys.clientSecret,
  }),
};

/** The groups, typed as complete. Its UsageError names everything that is missing in all of them. */
export function requireGroups<G extends keyof RequiredGroups>(
  config: Config,
  groups: readonly G[],
): Pick<RequiredGroups, G> {
  const missing = groups.flatMap((group) =>
    Object.entries(REQUIRED[group](config)).flatMap(([name, value]) => (value === undefined ? [name] : [])),
  );
  if (missing.length > 0) {
    throw new UsageError(
      `${missing.join(', ')}: not set, and needed here. Set ${missing.length === 1 ? 'it' : 'them'} in the environment or in a config file.`,
    );
  }
  return Object.fromEntries(groups.map((group) => [group, config[group]])) as Pick<RequiredGroups, G>;
}

export function requireGenesys(config: Config): RequiredGroups['genesys'] {
  return requireGroups(config, ['genesys']).genesys;
}
