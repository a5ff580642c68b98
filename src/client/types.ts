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
  /** What the brokers log of this program. Default `queuefold-client`. */
  readonly clientId?: string;
  /** TLS to the brokers: `true` trusts the authorities of Node.js. Default: no TLS. */
  readonly tls?: true | TlsOptions;
  /** Default: no authentication. */
  readonly sasl?: SaslOptions;
  /** When it is aborted, the table is closed; before it is open, opening rejects with the signal's reason. */
  readonly signal?: AbortSignal;
  /** Takes warnings, such as of brokers that are away. Pino, winston and `console` fit. Default: none are written. */
  readonly logger?: ClientLogger;
  /** Called for each record that could not be read and was skipped. What it throws is passed to `logger`. */
  readonly onProblem?: (problem: RecordProblem) => void;
}

export interface VisitsOptions extends ClientOptions {
  /**
   * Only visits that entered their queue at this time or later. A function is asked again every minute: with
   * `() => new Date(Date.now() - 3_600_000)` the table is the last hour, and visits that leave it are deleted from it.
   */
  readonly since: Date | (() => Date);
}

export interface RegistryOptions {
  /** E.g. `http://registry:8081`; of Apicurio `http://registry:8080/apis/ccompat/v7`. */
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
  /** Asked for a token for each connection. */
  | { readonly mechanism: 'oauthbearer'; readonly token: () => Promise<string> }
  /** Amazon MSK with IAM: credentials come from where AWS programs find them. */
  | { readonly mechanism: 'aws_msk_iam'; readonly region: string };

/** As of Pino: the fields first, then the sentence. */
export interface ClientLogger {
  info(fields: object, message: string): void;
  warn(fields: object, message: string): void;
  error(fields: object, message: string): void;
}

/** A record that could not be read. It was skipped: its conversation stays as it was. */
export interface RecordProblem {
  readonly topic: string;
  readonly partition: number;
  readonly offset: number;
  /** `not-avro`: bytes that are none of Confluent's wire format; `unknown-schema`: the registry has none that fits; `no-key`. */
  readonly reason: 'not-avro' | 'unknown-schema' | 'no-key';
}

/** How honest the table is at this moment. */
export interface Freshness {
  /** How old the picture is, in milliseconds: everything that Kafka had committed by then is in it. */
  readonly ageMs: number;
  /** Kafka answers, and what it answers can be read. False: the table stays as it was, and `ageMs` grows. */
  readonly isReading: boolean;
  /** Why it is not reading, for a person; null while it is. */
  readonly problem: string | null;
  /** Records that could not be read and were skipped, since the table was opened. */
  readonly skippedRecords: number;
}

/**
 * One step of a table. Apply them to a map of your own, and it is the table.
 *
 * - `upsert`: this row is new, or changed. It is the newest version at the moment at which you get it.
 * - `delete`: the row is gone. `last` is what it was.
 * - `reset`: the topic was recreated. Forget all rows; those of the new topic follow as `upsert`.
 */
export type Change<Row> =
  | { readonly type: 'upsert'; readonly id: string; readonly row: Row }
  | { readonly type: 'delete'; readonly id: string; readonly last: Row }
  | { readonly type: 'reset' };

export interface Table<Row> {
  /** How many rows there are now. */
  readonly size: number;
  /** The rows as they are now. Do not wait for anything while you go through them: the table goes on. */
  rows(): IterableIterator<Row>;
  /**
   * First the table as it is, an `upsert` a row, then every change, until `close()`. Each `for await` is a reader of its
   * own; `break` ends it. A slow one is not told of every version, but of the newest of each row: at most one change of a
   * row waits for it, so its memory is bounded by the table.
   */
  changes(): AsyncIterable<Change<Row>>;
  freshness(): Freshness;
  /** Ends the reading and every `changes()`. The rows stay as they are. Safe to call twice. */
  close(): Promise<void>;
}

/** The table `queue_conversation`: every conversation that waits in a queue, or is being served after that. */
export interface QueueTable extends Table<QueueConversation> {
  /** The conversation's row; undefined: it is in no queue, or has ended. */
  get(conversationId: string): QueueConversation | undefined;
}

/** The table `queue_visit`: what became of each visit to a queue. In `changes()`, `id` is the key of the topic. */
export interface VisitTable extends Table<QueueVisit> {
  /** @param participantId the acd participant's, as the visit has it */
  get(conversationId: string, participantId: string): QueueVisit | undefined;
}

/** A conversation in a queue, or being served after that. What there is nothing to say about is null. */
export type QueueConversation = RowOf<typeof QUEUE_CONVERSATION, Date>;

/** One stay of a conversation in one queue. What there is nothing to say about is null. */
export type QueueVisit = RowOf<typeof QUEUE_VISIT, Date>;
