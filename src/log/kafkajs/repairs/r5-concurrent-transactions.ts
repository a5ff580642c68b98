import { requireInternal, type KafkajsError } from '../internals';

type Call = (request: unknown) => Promise<unknown>;
type Broker = Record<(typeof CALLS)[number], Call>;
interface Connection {
  logError(message: string, payload?: { readonly error?: string }): void;
}

const CALLS = ['addPartitionsToTxn', 'addOffsetsToTxn', 'initProducerId'] as const;
/** Markers take 1 to 2 ms; a coordinator that takes longer than this has another problem. */
const RETRY_MS = 1;
const PATIENCE_MS = 30_000;
const CODE = 51;

/**
 * R5: CONCURRENT_TRANSACTIONS is handled as a failure. The coordinator answers it for 1 to 2 ms after every commit,
 * while it writes markers, and expects the client to ask again. kafkajs repeats AddPartitionsToTxn after ≥
 * initialRetryTime with a metadata refresh and an ERROR log. It never repeats AddOffsetsToTxn (a transaction without
 * output then fails), and repeats InitProducerId after a fixed 300 ms that no option changes. Back to back: 34 ms a
 * transaction, 3.3 repaired; fencing an open transaction 329 ms, 7.4 repaired. Repair: ask again at the broker call,
 * after 1 ms, for a bounded time, without a log.
 */
export function repairConcurrentTransactions(): void {
  const { prototype } = requireInternal('broker') as { prototype: Broker };
  for (const name of CALLS) {
    const stock = prototype[name];
    prototype[name] = async function (this: Broker, request) {
      const until = performance.now() + PATIENCE_MS;
      for (;;) {
        try {
          return await stock.call(this, request);
        } catch (error) {
          if ((error as KafkajsError).type !== 'CONCURRENT_TRANSACTIONS' || performance.now() > until) throw error;
        }
        await new Promise((resolve) => setTimeout(resolve, RETRY_MS));
      }
    };
  }

  const { createErrorFromCode } = requireInternal('protocol/error') as { createErrorFromCode: (code: number) => Error };
  const expected = createErrorFromCode(CODE).message;
  const connection = (requireInternal('network/connection') as { prototype: object }).prototype;
  quiet(connection, expected);
}

/** `logError` is an own property of each connection, set in its constructor: a setter on the prototype wraps it. */
function quiet(prototype: object, expected: string): void {
  const loggers = new WeakMap<object, Connection['logError']>();
  Object.defineProperty(prototype, 'logError', {
    configurable: true,
    get(this: object) {
      return loggers.get(this);
    },
    set(this: object, stock: Connection['logError']) {
      loggers.set(this, (message, payload) => {
        if (payload?.error !== expected) stock(message, payload);
      });
    },
  });
}
