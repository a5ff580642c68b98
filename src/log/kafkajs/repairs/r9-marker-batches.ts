import { requireInternal } from '../internals';

interface Batch {
  readonly messages: readonly unknown[];
  readonly rawMessages: readonly unknown[];
  isEmpty(): boolean;
}

/**
 * R9: a fetch that brought only transaction markers or aborted records is not handed to `eachBatch`: its reader cannot know
 * that the position has moved past them, so a topic that ends with a marker shows a lag of 1 for ever.
 * Repair: `isEmpty` is true only of a batch that brought nothing at all; `eachBatch` gets the others, without messages.
 * (`isEmpty` is used by consumer/runner alone, twice, in `onBatch`.)
 */
export function repairMarkerBatches(): void {
  const { prototype } = requireInternal('consumer/batch') as { prototype: Batch };
  prototype.isEmpty = function () {
    return this.messages.length === 0 && this.rawMessages.length === 0;
  };
}
