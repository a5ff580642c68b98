import { randomInt } from 'node:crypto';
import { createServer } from 'node:net';
import { OperatorError } from '../common';

// Below the ports that systems give to outgoing connections (from 32768 on), so that a free port is likely to be free
// at the next start, too.
const LOWEST = 20_000;
const HIGHEST = 32_000;

/** Whether a server on the loopback interface could have this port now. */
function portIsFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once('error', () => resolve(false));
    server.listen({ port, host: '127.0.0.1', exclusive: true }, () => server.close(() => resolve(true)));
  });
}

/** `count` different free ports, in any order. */
export async function freePorts(count: number): Promise<number[]> {
  const found = new Set<number>();
  for (let attempt = 0; attempt < 1_000 && found.size < count; attempt++) {
    const port = randomInt(LOWEST, HIGHEST);
    if (await portIsFree(port)) found.add(port);
  }
  if (found.size < count)
    throw new OperatorError(
      `ports: none is free between ${LOWEST} and ${HIGHEST} on 127.0.0.1. Stop a program that listens there.`,
    );
  return [...found];
}

/** The remembered ports if all are free, with new ones if more are needed; else all new ones. */
export async function keepOrFindPorts(remembered: readonly number[] | undefined, count: number): Promise<number[]> {
  if (remembered !== undefined && remembered.length <= count) {
    const free = await Promise.all(remembered.map(portIsFree));
    const more = await freePorts(count - remembered.length);
    if (free.every(Boolean) && !more.some((port) => remembered.includes(port))) return [...remembered, ...more];
  }
  return freePorts(count);
}
