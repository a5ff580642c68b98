import type { Ingested } from '../ingest';
import type { Logger, Metrics } from '../ops';
import type { Sender } from './sender';

/** Which way an event came into the bridge. */
export type IntakeSource = 'websocket' | 'rest' | 'file' | 'http';

/** What has become of inputs. */
export interface IntakeCounts {
  readonly events: number;
  readonly skipped: number;
  /** In the dead letters. */
  readonly invalid: number;
}

/** Hands what was read to the sender, dead letters included, and counts it: the same for every way in. */
export type Intake = (ingested: Ingested, source: IntakeSource) => void;

export function createIntake(sender: Sender, metrics: Metrics, logger: Logger): Intake {
  return (ingested, source) => {
    metrics.bridgeEvents.inc({ source, outcome: ingested.kind === 'event' ? 'produced' : ingested.reason });
    if (ingested.kind === 'invalid') {
      metrics.deadLetters.inc({ stage: 'bridge', reason: ingested.reason });
      // Of a file, a summary tells how many.
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
