import { check, type Finding, type Findings, type Outcome, proxySecrets, readProxies, skipped, write } from '../common';
import { checkCertificates, checkVariables, type Config, requireGenesys, requireGroups, secretValues } from '../config';
import { checkGenesys } from '../genesys';
import { type AclRole, checkKafka, checkRegistry, topicDefinitions, topicNames } from '../log';
import { checkHttpPort, checkProcess, createLogging, createScrubber, processFacts } from '../ops';
import { checkClickHouse, connectStore } from '../store';
import { kafkaConnection, minInsyncReplicas, registryOptions, topicSchemas } from '../wiring';
import type { Context } from './context';
import { storeOptions } from './role';
import { printable } from './text';

export interface DoctorFlags {
  readonly json?: true;
  /** Absent: these settings are those of bridge, fold and sink together. */
  readonly role?: AclRole;
}

const SECTION_LIMIT_MS = 60_000;
/** A longer name (a topic) pushes the rest of its line. */
const WIDEST_NAME = 64;
const STORE_TIMEOUT_MS = 10_000;

/**
 * `queuefold doctor`: runs the checks of everything that is configured, at the same time. Exit code 1: a check failed.
 */
export async function runDoctor({ config, io, logger }: Context, { json, role }: DoctorFlags): Promise<number> {
  // Wrong or incomplete settings are no finding. As for every role, they end the command with exit code 2.
  readProxies(process.env);
  if (config.genesys.clientId !== undefined) requireGenesys(config);
  const here = [...checkVariables(config, process.env), ...checkCertificates(config), ...checkProcess(processFacts())];
  const sections = await Promise.all([
    section('http port', async () => [await checkHttpPort(config.http)]),
    section('genesys', () => genesysFindings(config)),
    section('kafka', () => kafkaFindings(config, logger, role)),
    section('registry', () => registryFindings(config)),
    section('clickhouse', () => clickHouseFindings(config)),
  ]);
  const scrub = createScrubber([...secretValues(config), ...proxySecrets(process.env)]);
  const clean = (text: string) => scrub.text(printable(text.replace(/\s+/g, ' ').trim()));
  const findings = [...here, ...sections.flat()].map(({ name, outcome, detail, remedy }): Finding => ({
    name: clean(name),
    outcome,
    detail: clean(detail),
    remedy: remedy === null ? null : clean(remedy),
  }));
  const outcome = worstOf(findings);
  await write(io.stdout, json === true ? `${JSON.stringify({ outcome, checks: findings })}\n` : linesOf(findings));
  return outcome === 'failed' ? 1 : 0;
}

function section(name: string, look: () => Promise<Findings>): Promise<Findings> {
  return check({ name, limitMs: SECTION_LIMIT_MS, remedy: null }, look);
}

function worstOf(findings: Findings): Exclude<Outcome, 'skipped'> {
  if (findings.some(({ outcome }) => outcome === 'failed')) return 'failed';
  return findings.some(({ outcome }) => outcome === 'warning') ? 'warning' : 'ok';
}

function linesOf(findings: Findings): string {
  const width = Math.min(WIDEST_NAME, Math.max(...findings.map(({ name }) => name.length)));
  return findings
    .map(({ name, outcome, detail, remedy }) => {
      const line = `${outcome.padEnd(7)}  ${name.padEnd(width)}  ${detail}`;
      return `${remedy === null ? line : `${line} → ${remedy}`}\n`;
    })
    .join('');
}

async function genesysFindings(config: Config): Promise<Findings> {
  if (config.genesys.clientId === undefined) return [skipped('genesys', notConfigured('GENESYS_CLIENT_ID'))];
  const { clientId, clientSecret, loginUrl, apiUrl, queues, shard, channels, namesOf } = requireGenesys(config);
  return checkGenesys({
    urls: { loginUrl, apiUrl },
    credentials: { clientId, clientSecret: clientSecret.reveal() },
    queues,
    shard,
    channels,
    // The bridges of the first shard ask for names.
    names: shard.index === 0 ? namesOf : [],
  });
}

async function kafkaFindings(config: Config, logger: Context['logger'], role: AclRole | undefined): Promise<Findings> {
  if (config.kafka.brokers === undefined) return [skipped('kafka', notConfigured('KAFKA_BROKERS'))];
  const names = topicNames(config.topics.prefix);
  const { partitions, replicationFactor } = config.topics;
  return checkKafka({
    // The findings say what kafkajs would warn of.
    connection: kafkaConnection(config, config.kafka.brokers, logger.isLevelEnabled('debug') ? logger : silent()),
    names,
    definitions: topicDefinitions(names, minInsyncReplicas(config)),
    partitions,
    replicationFactor,
    ...(role === undefined ? {} : { roles: [role] }),
  });
}

async function registryFindings(config: Config): Promise<Findings> {
  if (config.registry.url === undefined) return [skipped('registry', notConfigured('SCHEMA_REGISTRY_URL'))];
  const { url } = requireGroups(config, ['registry']).registry;
  return checkRegistry({
    registry: registryOptions(config, url, silent()),
    subjects: topicSchemas(topicNames(config.topics.prefix)),
  });
}

async function clickHouseFindings(config: Config): Promise<Findings> {
  const { url, cluster } = config.clickhouse;
  if (url === undefined) return [skipped('clickhouse', notConfigured('CLICKHOUSE_URL'))];
  const store = connectStore({ ...storeOptions(config), requestTimeoutMs: STORE_TIMEOUT_MS });
  try {
    return await checkClickHouse({ store, ...(cluster === undefined ? {} : { cluster }) });
  } finally {
    await store.close();
  }
}

const notConfigured = (setting: string): string => `not configured (${setting} is not set)`;

function silent(): Context['logger'] {
  return createLogging({ level: 'silent', format: 'json', secrets: [], write: () => undefined }).logger;
}
