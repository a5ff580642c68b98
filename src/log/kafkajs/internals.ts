import { createRequire } from 'node:module';

/**
 * kafkajs's own modules, by path. Its package has no `exports` map and its version is pinned (client.ts), so the paths
 * hold. Each caller declares the type of its module, as narrowly as it uses it.
 */
const load = createRequire(__filename);

export function requireInternal(path: string): unknown {
  return load(`kafkajs/src/${path}`);
}

/**
 * Replaces a module's exports for every module that is loaded later. It must run before kafkajs is required, because
 * most of its modules capture functions when they load.
 * @throws Error if it comes too late: a loaded module has already required this one
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

/** The part of a kafkajs error that this project reads. */
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
