import { setFlagsFromString } from 'node:v8';

/** V8's option against pretenuring. */
export const NO_PRETENURING = '--no-allocation-site-pretenuring';

/**
 * Makes V8 begin every object in its young space, in the whole process. By default V8 puts the objects of some places
 * in the code into the old space at once, because earlier ones of the same place lived long. Those of a decoded state
 * live long at one time and die at once at another. Dead objects in the old space keep young ones alive until the next
 * full collection, and until then the collector copies all of them.
 */
export function keepObjectsYoung(): void {
  setFlagsFromString(NO_PRETENURING);
}
