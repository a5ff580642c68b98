import { messageOf } from '../../../src/common';
import { openConnection } from '../../../src/genesys/channels/connection';
import { createHttp } from '../../../src/genesys/rest/http';
import { DEFAULT_TIMINGS } from '../../../src/genesys/timings';

/** Requests `https://…` and opens `wss://…` of one host, and prints the results as a line of JSON. */
async function main(host: string): Promise<void> {
  const { signal } = new AbortController();
  const told = (error: unknown): string => messageOf(error);
  const rest = await createHttp({ timeoutMs: 5_000, signal })
    .send({ method: 'GET', url: `https://${host}/`, route: '/', headers: {} })
    .then(({ text }) => text, told);
  const socket = await new Promise<string>((resolve) => {
    openConnection({
      connectUri: `wss://${host}/channels/1`,
      timings: { ...DEFAULT_TIMINGS, openTimeoutMs: 5_000 },
      signal,
      maxFrameBytes: 1_000,
      onFrame: ({ bytes }) => resolve(bytes.toString()),
      onAny: () => undefined,
    }).catch((error: unknown) => resolve(told(error)));
  });
  process.stdout.write(`${JSON.stringify({ rest, socket })}\n`, () => process.exit());
}

void main(process.argv[2] ?? '');
