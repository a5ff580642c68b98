import { repairIdleBusyLoop } from './r1-idle-busy-loop';
import { repairRecordEncoding } from './r10-record-encoding';
import { repairRecordDecoding } from './r11-record-decoding';
import { repairChecksum } from './r12-checksum';
import { repairCompression } from './r13-compression';
import { repairIpv6Brokers } from './r14-ipv6-brokers';
import { repairMovedLeaders } from './r15-moved-leaders';
import { repairReconnects } from './r16-reconnects';
import { repairRequestClocks } from './r17-request-clocks';
import { repairQuadraticGrouping } from './r2-quadratic-grouping';
import { repairEmptyBatches } from './r3-empty-batches';
import { repairInterleavedAborts } from './r4-interleaved-aborts';
import { repairConcurrentTransactions } from './r5-concurrent-transactions';
import { repairCoordinatorLookups } from './r6-coordinator-lookups';
import { repairMaxTimestamp } from './r8-max-timestamp';

export { headerTextOf, headerTextsOf } from './r11-record-decoding';
export { unreadableIn } from './r13-compression';

/**
 * All repairs. Some replace functions that other modules capture when they load, so these come first. Among them a
 * captured function comes before its captor: checksum and record before the batch.
 */
export function applyRepairs(): void {
  repairChecksum();
  repairRecordDecoding();
  repairCompression();
  repairEmptyBatches();
  repairMaxTimestamp();
  repairRecordEncoding();
  repairQuadraticGrouping();
  repairMovedLeaders();
  repairInterleavedAborts();
  repairIpv6Brokers();
  repairIdleBusyLoop();
  repairReconnects();
  repairRequestClocks();
  repairConcurrentTransactions();
  repairCoordinatorLookups();
}
