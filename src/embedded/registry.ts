import { randomBytes } from 'node:crypto';
import { chmod, rm, writeFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { OperatorError } from '../common';
import { findJava } from './java';
import { fetchPart, type OnProgress } from './maven';
import { serveRegistryFront } from './registry-front';
import { startService } from './service';

export interface RegistryOptions {
  /** The registry uses only `<dataDir>/registry`. */
  readonly dataDir: string;
  /** Default 256. */
  readonly heapMb?: number;
  readonly onProgress?: OnProgress;
  /** Aborts a start. */
  readonly signal?: AbortSignal;
}

export interface EmbeddedRegistry {
  /** The Confluent API, without a slash at the end. */
  readonly url: string;
  readonly pid: number;
  kill9(): Promise<void>;
  /** Same data, same port; also after kill9(). */
  restart(): Promise<void>;
  stop(): Promise<void>;
  /** Resolves with an error to show if the registry ended unexpectedly, and with undefined after stop(). */
  readonly ended: Promise<OperatorError | undefined>;
}

const RUNNER = 'apicurio-registry-app-3.0.9-runner.jar';

/**
 * Starts a real Apicurio Registry on the loopback interface and waits until its Confluent API answers. Kafka's data
 * contain its ids for good, so no acknowledged schema may be lost. The database is therefore a file, written before
 * each answer (WRITE_DELAY=0), and not Apicurio's default in memory. Throws an OperatorError.
 */
export async function startRegistry(options: RegistryOptions): Promise<EmbeddedRegistry> {
  const java = await findJava();
  const folder = await fetchPart('registry', options.onProgress, options.signal);
  const dir = resolve(options.dataDir, 'registry');
  const log = join(dir, 'registry.log');
  const urlOf = (port = 0) => `http://127.0.0.1:${port}/apis/ccompat/v7`;
  const password = randomBytes(32).toString('base64url');
  const authorization = `Basic ${Buffer.from(`${USER}:${password}`).toString('base64')}`;

  const service = await startService({
    title: 'Schema registry',
    name: 'registry',
    dir,
    java,
    // One for the front, and one for the registry behind it.
    portCount: 2,
    logs: [log, join(dir, 'registry.out')],
    prepare: async ([, port = 0]) => {
      await rm(log, { force: true });
      // Not an argument, because every user of the machine can read those.
      const access = join(dir, 'access.properties');
      await rm(access, { force: true });
      await writeFile(access, accessProperties(password), { mode: 0o600, flag: 'wx' });
      return [
        `-Xmx${options.heapMb ?? 256}m`,
        // Half of its start is compilation, and its later work does not need the better compiler.
        '-XX:TieredStopAtLevel=1',
        `-Dsmallrye.config.locations=${pathToFileURL(access).href}`,
        ...Object.entries(registryProperties(port, join(dir, 'data', 'db'), log)).map(
          ([key, value]) => `-D${key}=${value}`,
        ),
        '-jar',
        join(folder, RUNNER),
      ];
    },
    signal: options.signal,
    isReady: async ([, port]) => {
      const asked = { headers: { authorization }, signal: AbortSignal.timeout(5_000) };
      const answer = await fetch(`${urlOf(port)}/subjects`, asked).catch(() => undefined);
      await answer?.body?.cancel();
      return answer?.ok === true;
    },
  });

  // Vert.x gives this one folder other permissions than the umask.
  await chmod(join(dir, 'tmp', 'vertx-cache'), 0o700).catch(() => undefined);
  const [port = 0, innerPort = 0] = service.ports;
  const closeFront = await serveRegistryFront({ port, innerPort, authorization }).catch(async (error: unknown) => {
    await service.stop();
    throw new OperatorError(`Schema registry: cannot listen on port ${port}. Start queuefold again.`, { cause: error });
  });
  return {
    url: urlOf(port),
    get pid() {
      return service.pid();
    },
    kill9: service.kill9,
    restart: service.restart,
    stop: async () => {
      await closeFront();
      await service.stop();
    },
    ended: service.ended,
  };
}

/** The registry takes requests only from its front, which stops web pages. */
const USER = 'front';

function accessProperties(password: string): string {
  return [
    'quarkus.http.auth.basic=true',
    'quarkus.security.users.embedded.plain-text=true',
    `quarkus.security.users.embedded.users.${USER}=${password}`,
    `quarkus.security.users.embedded.roles.${USER}=front`,
    'quarkus.http.auth.permission.all.paths=/*',
    'quarkus.http.auth.permission.all.policy=authenticated',
    '',
  ].join('\n');
}

/** System properties win over the environment's QUARKUS_… and APICURIO_… variables. */
function registryProperties(port: number, database: string, log: string): Readonly<Record<string, string | number>> {
  return {
    'quarkus.http.host': '127.0.0.1',
    'quarkus.http.port': port,
    'quarkus.http.access-log.enabled': 'false',
    // Not even pages of this machine: Apicurio's default accepts those of port 8888.
    'quarkus.http.cors.origins': 'http://nobody.invalid',
    'apicurio.datasource.url': `jdbc:h2:file:${database};WRITE_DELAY=0`,
    'quarkus.log.console.enable': 'false',
    'quarkus.log.file.enable': 'true',
    'quarkus.log.file.path': log,
    'quarkus.log.file.rotation.max-file-size': '5M',
    'quarkus.log.file.rotation.max-backup-index': 1,
    'quarkus.log.file.rotation.rotate-on-boot': 'false',
  };
}
