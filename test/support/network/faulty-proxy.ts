import { once } from 'node:events';
import { createServer, request, type ClientRequest, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';

/** Codes of ClickHouse's temporary failures, and one that looks like wrong data. */
const CODES = [3, 159, 164, 202, 203, 209, 210, 241, 242, 252, 285, 319, 425, 999, 27] as const;
const LATE_MS = 700;
const SLOW_MS = 200;
const REFUSING_MS = 150;

/** The faults that can happen between a client and ClickHouse. */
export const FAULTS = [
  'refused',
  'reset before it was applied',
  'reset after it was applied',
  'no answer, not applied',
  'no answer, applied',
  'no answer, applied later',
  'error 500',
  'error code',
  'slow',
  'half an answer',
  'half a request',
] as const;
export type Fault = (typeof FAULTS)[number];

export interface FaultyProxy {
  readonly url: string;
  /** Called for each request: its fault, or null for none. */
  setFaults(next: () => Fault | null): void;
  readonly injected: ReadonlyMap<Fault, number>;
  close(): Promise<void>;
}

/** A proxy in front of ClickHouse's HTTP interface, on its own port. */
export async function startFaultyProxy(target: string): Promise<FaultyProxy> {
  const injected = new Map<Fault, number>();
  let nextFault: () => Fault | null = () => null;
  let codes = 0;
  let isClosed = false;

  const server = createServer((incoming, outgoing) => {
    handle(incoming, outgoing).catch(() => outgoing.destroy());
  });
  const listen = async (port: number) => {
    server.listen(port, '127.0.0.1');
    await once(server, 'listening');
  };
  await listen(0);
  const { port } = server.address() as AddressInfo;

  const refuse = async (): Promise<void> => {
    if (!server.listening) return;
    const closed = new Promise((resolve) => server.close(resolve));
    server.closeAllConnections();
    await closed;
    await sleep(REFUSING_MS);
    if (!isClosed) await listen(port);
  };

  async function handle(incoming: IncomingMessage, outgoing: ServerResponse): Promise<void> {
    const body = await bodyOf(incoming);
    const fault = nextFault();
    if (fault !== null) injected.set(fault, (injected.get(fault) ?? 0) + 1);
    const apply = () => forward(target, incoming, body);
    switch (fault) {
      case 'refused':
        await refuse();
        return;
      case 'reset before it was applied':
        outgoing.destroy();
        return;
      case 'reset after it was applied':
        await apply();
        outgoing.destroy();
        return;
      case 'no answer, not applied':
        return;
      case 'no answer, applied':
        await apply();
        return;
      case 'no answer, applied later':
        await sleep(LATE_MS);
        await apply();
        return;
      case 'error 500':
        outgoing.writeHead(500).end('a proxy is unwell');
        return;
      case 'error code': {
        const code = CODES[codes++ % CODES.length] ?? 3;
        outgoing.writeHead(500, { 'X-ClickHouse-Exception-Code': String(code) });
        outgoing.end(`Code: ${code}. DB::Exception: injected. (INJECTED)\n`);
        return;
      }
      case 'half an answer': {
        const answer = await apply();
        outgoing.writeHead(answer.status, { 'Content-Length': answer.body.length + 10 });
        outgoing.write(answer.body.subarray(0, answer.body.length / 2));
        await sleep(5);
        outgoing.destroy();
        return;
      }
      case 'half a request':
        await forwardHalf(target, incoming, body);
        outgoing.destroy();
        return;
      case 'slow':
        await sleep(SLOW_MS);
        respond(outgoing, await apply());
        return;
      case null:
        respond(outgoing, await apply());
    }
  }

  return {
    url: `http://127.0.0.1:${port}`,
    setFaults: (next) => {
      nextFault = next;
    },
    injected,
    close: async () => {
      isClosed = true;
      await new Promise((resolve) => {
        server.close(resolve);
        server.closeAllConnections();
      });
    },
  };
}

interface Answer {
  readonly status: number;
  readonly headers: IncomingMessage['headers'];
  readonly body: Buffer;
}

function forward(target: string, incoming: IncomingMessage, body: Buffer): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const outgoing = forwarded(target, incoming, body);
    outgoing.on('response', (answer) => {
      bodyOf(answer).then(
        (received) => resolve({ status: answer.statusCode ?? 500, headers: answer.headers, body: received }),
        reject,
      );
    });
    outgoing.on('error', reject).end(body);
  });
}

/** Breaks the connection in the middle of the body; the server notices it by the announced length. */
function forwardHalf(target: string, incoming: IncomingMessage, body: Buffer): Promise<void> {
  return new Promise((resolve) => {
    const outgoing = forwarded(target, incoming, body);
    outgoing.on('error', () => undefined).on('close', resolve);
    outgoing.write(body.subarray(0, body.length / 2), () => outgoing.destroy());
  });
}

function forwarded(target: string, incoming: IncomingMessage, body: Buffer): ClientRequest {
  const headers = { ...incoming.headers, 'content-length': String(body.length) };
  delete headers['transfer-encoding'];
  const url = new URL(incoming.url ?? '/', target);
  return request(url, { method: incoming.method ?? 'GET', headers, agent: false });
}

function respond(outgoing: ServerResponse, { status, headers, body }: Answer): void {
  const kept = Object.entries(headers).filter(([name]) => name !== 'transfer-encoding' && name !== 'connection');
  outgoing.writeHead(status, { ...Object.fromEntries(kept), 'content-length': String(body.length) }).end(body);
}

async function bodyOf(message: IncomingMessage): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of message as AsyncIterable<Buffer>) chunks.push(chunk);
  return Buffer.concat(chunks);
}
