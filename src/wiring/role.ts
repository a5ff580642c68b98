import type { Config } from '../config';
import type { Log, SchemaSource, TopicNames } from '../log';
import type { CheckResult, Checks, Logger, Metrics, MetricValues, Routes, Tracing } from '../ops';

/** The parts that every role gets. */
export interface RoleParts {
  readonly config: Config;
  readonly logger: Logger;
  readonly metrics: Metrics;
  readonly log: Log;
  readonly schemas: SchemaSource;
  readonly topics: TopicNames;
  /** Absent: nothing is traced. */
  readonly tracing?: Tracing | undefined;
}

export interface RunningRole {
  readonly name: 'bridge' | 'fold' | 'sink' | 'board';
  /** Ready: it can do its work now. */
  readonly ready: Checks;
  /** Live: a restart would not help. Absent: the role is live until it has ended. */
  readonly live?: () => CheckResult;
  /** What it serves over HTTP besides metrics and health. */
  readonly routes?: Routes;
  /** The metrics of other threads of the role. Absent: it has no threads. */
  readonly measured?: () => Promise<readonly MetricValues[]>;
  /** Rejects with the error that ended it; resolves after `stop`. */
  readonly done: Promise<void>;
  /** Ends the role in order, and finishes the work under way. */
  stop(): Promise<void>;
}
