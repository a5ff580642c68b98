import { requireInternal } from '../internals';

interface RequestQueue {
  pending: readonly unknown[];
  throttledUntil: number;
  throttleCheckTimeoutId: NodeJS.Timeout | null;
  checkPendingRequests(): void;
  scheduleCheckPendingRequests(): void;
}

/** network/requestQueue: CHECK_PENDING_REQUESTS_INTERVAL */
const CHECK_MS = 10;

/**
 * R1: an idle connection arms a timer for ever. `scheduleCheckPendingRequests` sets a timer even when nothing is pending,
 * with a negative delay (1 ms), whose callback calls it again. Ten idle producers: 8,784 timers a second, 24 ms of CPU a
 * second, and `TimeoutNegativeWarning` on new Node versions.
 * Repair: arm only when something is pending and nothing is armed. Whatever is pushed later arms by itself.
 */
export function repairIdleBusyLoop(): void {
  const { prototype } = requireInternal('network/requestQueue') as { prototype: RequestQueue };
  prototype.scheduleCheckPendingRequests = function () {
    if (this.throttleCheckTimeoutId !== null || this.pending.length === 0) return;
    this.throttleCheckTimeoutId = setTimeout(
      () => {
        this.throttleCheckTimeoutId = null;
        this.checkPendingRequests();
      },
      Math.max(this.throttledUntil - Date.now(), CHECK_MS),
    );
  };
}
