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
 * R1: an idle connection arms a timer forever. `scheduleCheckPendingRequests` sets a timer even if no request is
 * pending, with a negative delay (1 ms), and the callback calls it again. Ten idle producers: 8,784 timers a second, 24
 * ms of CPU a second, and `TimeoutNegativeWarning` on new Node versions. Repair: arm only if a request is pending and
 * no timer is armed. A later request arms the timer itself.
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
