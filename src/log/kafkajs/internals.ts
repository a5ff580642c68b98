import { createRequire } from 'node:module';

/**
 * kafkajs's own modules, by path. Its package has no `exports` map and its version is pinned (client.ts), so the paths
 * hold. Whoever asks says what it is, as narrowly as it is used.
 */
const load = createRequire(__filename);

export function requireInternal(path: string): unknown {
  return load(`kafkajs/src/${path}`);
}

/**
 * Replaces what a module exports, for every module that is loaded later: it must run before kafkajs is required, for
 * most of its modules capture functions at load time.
 * @throws Error when it comes too late: a module that is loaded already has required this one
 */
export function replaceExports<T>(path: string, make: (stock: T) => T): void {
  const file = load.resolve(`kafkajs/src/${path}`);
  const captor = Object.values(load.cache).find((loaded) => loaded?.children.some(({ filename }) => filename === file));
  if (captor !== undefined && captor.filename !== __filename) {
    throw new Error(`kafkajs/src/${path} is repaired too late: ${captor.filename} has loaded it`);
  }
  const stock = requireInternal(path) as T;
  const cached = load.cache[file];
  if (cached === undefined) throw new Error(`kafkajs/src/${path} is not in the module cache`);
  cached.exports = make(stock);
}

/** An error of kafkajs as far as this project looks into it. */
export interface KafkajsError extends Error {
  readonly type?: string;
  readonly code?: number | string;
  readonly retriable?: boolean;
}

/** The protocol error types of an error and of its causes, outermost first. */
export function protocolTypes(error: unknown): readonly string[] {
  const types: string[] = [];
  for (let current: unknown = error; current instanceof Error; current = current.cause) {
    const { type } = current as KafkajsError;
    if (type !== undefined) types.push(type);
  }
  return types;
}
