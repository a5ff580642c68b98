import { loadConfig } from '../../../src/config';
import { createLogging, createMetrics, startTracing } from '../../../src/ops';
import '../../../src/cli/role';
import '../../../src/cli/start';
import '../../../src/cli/bridge';

/** Starts tracing, with the endpoint of the command line if there is one, and prints the OpenTelemetry packages that are loaded. */
async function main(endpoint: string | undefined): Promise<void> {
  const { tracing } = loadConfig({ env: endpoint === undefined ? {} : { OTEL_EXPORTER_OTLP_ENDPOINT: endpoint } });
  const { logger } = createLogging({ level: 'silent', write: () => undefined, format: 'json', secrets: [] });
  const options = { ...tracing, headers: undefined, version: '1', metrics: createMetrics(), logger };
  await startTracing(options);
  const packages = Object.keys(require.cache).flatMap((path) => /@opentelemetry\/[^/]+/.exec(path) ?? []);
  console.log(JSON.stringify([...new Set(packages)].sort()));
}

void main(process.argv[2]);
