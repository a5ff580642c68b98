import { mkdtemp, rm } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { messageOf } from '../../../src/common';
import { provideKafka, provideRegistry } from '../../../src/embedded';
import { openClassArchive } from './class-archive';

/** The variable with the host's address, for the tests of this run. */
export const SERVICES_URL = 'QUEUEFOLD_TEST_SERVICES';

/** For a broker that lives for minutes: the better compiler and collector cost its start two of five seconds of CPU. */
export const SHORT_LIVED_JVM = ['-XX:TieredStopAtLevel=1', '-XX:+UseSerialGC', '-XX:-UsePerfData'] as const;

/** globalSetup stores a function under this name on jest's global object, and globalTeardown calls it. */
export const STOP_SERVICES = 'stopQueuefoldServices';

export interface ServicesHost {
  readonly url: string;
  /** The value of JAVA_TOOL_OPTIONS for the run's processes. */
  readonly jvmOptions: string;
  stop(): Promise<void>;
}

/**
 * Starts Kafka and the registry for a run of jest, each at the first request and only once, and answers their
 * addresses: `GET /kafka` → brokers, `GET /registry` → url. The run's processes end with it.
 */
export async function startServicesHost(): Promise<ServicesHost> {
  const dataDir = await mkdtemp(join(tmpdir(), 'queuefold-test-'));
  const archive = await openClassArchive(SHORT_LIVED_JVM, dataDir);
  // Also for the JVMs that the command line starts in a test.
  const jvmOptions = [process.env['JAVA_TOOL_OPTIONS'] ?? '', ...SHORT_LIVED_JVM, archive.flag].join(' ').trim();
  const stopping = new AbortController();
  let archived = Promise.resolve();
  const provided: { stop(): Promise<void> }[] = [];
  const onProgress = (text: string) => process.stderr.write(`${text}\n`);
  const common = { dataDir, onProgress, data: 'forget' } as const;
  const onlyOnce = <T extends { stop(): Promise<void> }>(provide: () => Promise<T>) => {
    let first: Promise<T> | undefined;
    return () =>
      (first ??= provide().then((service) => {
        provided.push(service);
        return service;
      }));
  };
  const kafka = onlyOnce(async () => {
    const configured = process.env['KAFKA_BROKERS'];
    const provided = await provideKafka({ ...common, configured, jvmFlags: SHORT_LIVED_JVM });
    archived = archive.make(stopping.signal);
    return provided;
  });
  const registry = onlyOnce(() => provideRegistry({ ...common, configured: process.env['SCHEMA_REGISTRY_URL'] }));
  const answers: Readonly<Record<string, () => Promise<string>>> = {
    '/kafka': async () => (await kafka()).brokers.join(','),
    '/registry': async () => (await registry()).url,
  };

  const server = createServer((request, response) => {
    const answer = answers[request.url ?? ''] ?? (() => Promise.reject(new Error(`unknown: ${request.url ?? ''}`)));
    void answer().then(
      (text) => response.end(text),
      (error: unknown) => response.writeHead(500).end(messageOf(error)),
    );
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const stop = async () => {
    server.closeAllConnections();
    server.close();
    stopping.abort();
    await Promise.all([archived, ...provided.map((service) => service.stop())]);
    await rm(dataDir, { recursive: true, force: true });
  };
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, jvmOptions, stop };
}
