import { requireInternal } from '../internals';

interface Request {
  readonly requestTimeout: number;
  timeoutRequest(): void;
}
interface RequestQueue {
  readonly enforceRequestTimeout: boolean;
  readonly requestTimeout: number;
  readonly inflight: ReadonlyMap<number, Request>;
  requestTimeoutIntervalId: NodeJS.Timeout;
  isConnected(): boolean;
  destroy(): void;
  scheduleRequestTimeoutCheck(): void;
}

/** network/requestQueue looks so often at its requests. */
const CHECK_MS = 100;

/**
 * R17: the time-outs of requests (`network/requestQueue`).
 *
 * - A connection that is being closed waits for its requests, and no longer looks whether they have timed out. If the
 *   broker stays silent, neither the requests nor the closing ever end.
 * - A time-out is measured by the wall clock. A clock that is set back by an hour lets a request to a silent broker wait
 *   for an hour, and one that is set forward ends all requests at once.
 *
 * Repair: look at the requests until the last one has ended, and measure by the clock that nobody sets. A time-out begins
 * at the first look at a request, up to 100 ms after it was sent.
 */
export function repairRequestClocks(): void {
  const { prototype } = requireInternal('network/requestQueue') as { prototype: RequestQueue };
  prototype.scheduleRequestTimeoutCheck = function () {
    if (!this.enforceRequestTimeout) return;
    this.destroy();
    const seenAt = new WeakMap<Request, number>();
    const look = (): void => {
      const now = performance.now();
      for (const request of this.inflight.values()) {
        const since = seenAt.get(request);
        if (since === undefined) seenAt.set(request, now);
        else if (now - since > request.requestTimeout) request.timeoutRequest();
      }
      if (!this.isConnected() && this.inflight.size === 0) this.destroy();
    };
    this.requestTimeoutIntervalId = setInterval(look, Math.min(this.requestTimeout, CHECK_MS));
  };
}
