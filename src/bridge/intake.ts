import type { Ingested } from '../ingest';
import type { Logger, Metrics } from '../ops';
import type { Sender } from './sender';

/** Which way an event came into the bridge. */
export type IntakeSource = 'websocket' | 'rest' | 'file' | 'http';

/** How many inputs had which outcome. */
export interface IntakeCounts {
  readonly events: number;
  readonly skipped: number;
  /** These went to the dead letters. */
  readonly invalid: number;
}

/** Passes inputs that were read, dead letters included, to the sender and counts them: the same for every source. */
export type Intake = (ingested: Ingested, source: IntakeSource) => void;

export function createIntake(sender: Sender, metrics: Metrics, logger: Logger): Intake {
  return (ingested, source) => {
    metrics.bridgeEvents.inc({ source, outcome: ingested.kind === 'event' ? 'produced' : ingested.reason });
    if (ingested.kind === 'invalid') {
      metrics.deadLetters.inc({ stage: 'bridge', reason: ingested.reason });
      // A summary gives the number for a file.
      logger[source === 'file' ? 'debug' : 'warn'](
        { source, reason: ingested.reason, detail: ingested.message },
        'the bridge sent a snapshot to the dead letters',
      );
    }
    if (ingested.kind === 'event') sender.add(ingested.record, ingested.event);
    else if (ingested.kind === 'invalid') sender.add(ingested.record);
  };
}

export function countsOf(all: readonly Ingested[]): IntakeCounts {
  const count = (kind: Ingested['kind']): number => all.filter((each) => each.kind === kind).length;
  return { events: count('event'), skipped: count('skip'), invalid: count('invalid') };
}
