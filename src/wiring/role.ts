import type { Config } from '../config';
import type { Log, SchemaSource, TopicNames } from '../log';
import type { CheckResult, Checks, Logger, Metrics, MetricValues, Routes, Tracing } from '../ops';

/** What every role is wired to. */
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
  /** Live: a restart would not help. Absent: it is, until it has ended. */
  readonly live?: () => CheckResult;
  /** What it serves over HTTP besides metrics and health. */
  readonly routes?: Routes;
  /** What other threads of it have measured. Absent: it has none. */
  readonly measured?: () => Promise<readonly MetricValues[]>;
  /** Rejects with the error that ended it; resolves after `stop`. */
  readonly done: Promise<void>;
  /** An orderly end; what is under way is finished. */
  stop(): Promise<void>;
}
