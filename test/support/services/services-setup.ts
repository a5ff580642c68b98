import { SERVICES_URL, STOP_SERVICES, startServicesHost } from './services-host';

/**
 * jest's globalSetup of the projects that need services. It starts none yet. jest ignores its result, hence the global.
 */
async function setup(): Promise<void> {
  const server = process.env['CLICKHOUSE_URL'] ?? '';
  process.stderr.write(
    server === ''
      ? 'Store tests: on the embedded ClickHouse alone; CLICKHOUSE_URL names no server.\n'
      : `Store tests: on the ClickHouse server ${new URL(server).origin}.\n`,
  );
  const host = await startServicesHost();
  process.env['JAVA_TOOL_OPTIONS'] = host.jvmOptions;
  process.env[SERVICES_URL] = host.url;
  Object.assign(globalThis, { [STOP_SERVICES]: host.stop });
}

export = setup;
