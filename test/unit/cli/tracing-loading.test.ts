import { join } from 'node:path';
import { expect, test } from '@jest/globals';
import { runTypeScript } from '../../support/processes/run-typescript';

/** What of OpenTelemetry a process has loaded that starts tracing as the roles do. */
async function loadedWith(...endpoint: readonly string[]): Promise<readonly string[]> {
  const { firstLine } = runTypeScript(join(__dirname, 'tracing-loading.ts'), endpoint);
  return JSON.parse(await firstLine) as readonly string[];
}

test('without an endpoint OpenTelemetry is not loaded, but for the API that prom-client uses; with one it is', async () => {
  expect(await loadedWith()).toEqual(['@opentelemetry/api']);
  expect(await loadedWith('http://127.0.0.1:1')).toEqual(
    expect.arrayContaining(['@opentelemetry/sdk-trace', '@opentelemetry/exporter-trace-otlp-http']),
  );
});
