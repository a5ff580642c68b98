import type { QUEUE_CONVERSATION, QUEUE_VISIT, RowOf } from '../conversation';

/**
 * The types of `queuefold/client`. They stand alone: programs need no types of Kafka's, the registry's or a logger's library.
 */

/** How to reach Kafka and the schema registry. */
export interface ClientOptions {
  /** Addresses of brokers, `host:port`. One that answers is enough. */
  readonly brokers: readonly string[];
  /** The schema registry: its URL, or its URL with credentials. */
  readonly registry: string | RegistryOptions;
  /** Which pipeline: the `TOPIC_PREFIX` that it runs with. Default `genesys`. */
  readonly prefix?: string;
  /** The name of this program in the brokers' logs. Default `queuefold-client`. */
  readonly clientId?: string;
  /** TLS to the brokers: `true` trusts the authorities of Node.js. Default: no TLS. */
  readonly tls?: true | TlsOptions;
  /** Default: no authentication. */
  readonly sasl?: SaslOptions;
  /** When it is aborted, the table closes. If the table is not open yet, opening rejects with the signal's reason. */
  readonly signal?: AbortSignal;
  /** Takes warnings, for example that a broker is away. Pino, winston and `console` fit. Default: no warnings. */
  readonly logger?: ClientLogger;
  /** Called for each record that could not be read and was skipped. If it throws, the error goes to `logger`. */
  readonly onProblem?: (problem: RecordProblem) => void;
}

export interface VisitsOptions extends ClientOptions {
  /**
   * Only visits that entered their queue at this time or later. The table calls a function again every minute: with `()
   * => new Date(Date.now() - 3_600_000)` it holds the last hour, and deletes visits as they leave it.
   */
  readonly since: Date | (() => Date);
}

export interface RegistryOptions {
  /** E.g. `http://registry:8081`; for Apicurio `http://registry:8080/apis/ccompat/v7`. */
  readonly url: string;
  readonly username?: string;
  readonly password?: string;
  /** A bearer token, instead of a username. */
  readonly token?: string;
  readonly tls?: TlsOptions;
}

/** PEM texts. */
export interface TlsOptions {
  /** The authorities to trust. Default: those of Node.js. */
  readonly ca?: string;
  /** The client's certificate, with its key. */
  readonly cert?: string;
  readonly key?: string;
}

export type SaslOptions =
  | {
      readonly mechanism: 'plain' | 'scram-sha-256' | 'scram-sha-512';
      readonly username: string;
      readonly password: string;
    }
  /** Called for a token for each connection. */
  | { readonly mechanism: 'oauthbearer'; readonly token: () => Promise<string> }
  /** Amazon MSK with IAM: credentials come from where AWS programs find them. */
  | { readonly mechanism: 'aws_msk_iam'; readonly region: string };

/** The signature of Pino: the fields first, then the sentence. */
export interface ClientLogger {
  info(fields: object, message: string): void;
  warn(fields: object, message: string): void;
  error(fields: object, message: string): void;
}

/** A record that could not be read. The table skipped it, and its conversation stays as it was. */
export interface RecordProblem {
  readonly topic: string;
  readonly partition: number;
  readonly offset: number;
  /**
   * `not-avro`: the bytes are not in Confluent's wire format; `unknown-schema`: the registry has no schema that fits;
   * `no-key`: the record has no key.
   */
  readonly reason: 'not-avro' | 'unknown-schema' | 'no-key';
}

/** How current the table is at this moment. */
export interface Freshness {
  /** The age of the table in milliseconds: it has everything that Kafka had committed by then. */
  readonly ageMs: number;
  /** Kafka answers, and its answers can be read. False: the table stays as it was, and `ageMs` grows. */
  readonly isReading: boolean;
  /** Why the table does not read, for a person; null while it reads. */
  readonly problem: string | null;
  /** How many records could not be read and were skipped since the table was opened. */
  readonly skippedRecords: number;
}

/**
 * One change of a table. If you apply all changes to a map of your own, it equals the table.
 *
 * - `upsert`: this row is new, or changed. It is the newest version at the moment when you get it.
 * - `delete`: the row is gone. `last` is its last version.
 * - `reset`: the topic was recreated. Forget all rows; those of the new topic follow as `upsert`.
 */
export type Change<Row> =
  | { readonly type: 'upsert'; readonly id: string; readonly row: Row }
  | { readonly type: 'delete'; readonly id: string; readonly last: Row }
  | { readonly type: 'reset' };

export interface Table<Row> {
  /** The number of rows now. */
  readonly size: number;
  /** The rows as they are now. Do not await anything while you go through them, because the table keeps changing. */
  rows(): IterableIterator<Row>;
  /**
   * First every row of the table as an `upsert`, then every change, until `close()`. Each `for await` is a separate
   * reader; `break` ends it. A slow reader gets the newest version of each row, not every version. At most one change
   * of a row waits for it, so its memory is bounded by the table.
   */
  changes(): AsyncIterable<Change<Row>>;
  freshness(): Freshness;
  /** Ends the reading and every `changes()`. The rows stay as they are. A second call has no effect. */
  close(): Promise<void>;
}

/** The table `queue_conversation`: every conversation that waits in a queue, or is being served after it. */
export interface QueueTable extends Table<QueueConversation> {
  /** The conversation's row; undefined: it is in no queue, or has ended. */
  get(conversationId: string): QueueConversation | undefined;
}

/** The table `queue_visit`: the outcome of each visit to a queue. In `changes()`, `id` is the topic's key. */
export interface VisitTable extends Table<QueueVisit> {
  /** @param participantId the acd participant's id, as in the visit */
  get(conversationId: string, participantId: string): QueueVisit | undefined;
}

/** A conversation in a queue, or being served after it. A column without a value is null. */
export type QueueConversation = RowOf<typeof QUEUE_CONVERSATION, Date>;

/** One stay of a conversation in one queue. A column without a value is null. */
export type QueueVisit = RowOf<typeof QUEUE_VISIT, Date>;
