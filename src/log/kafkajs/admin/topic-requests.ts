import type { RequestBroker } from '../cluster';
import { requireInternal } from '../internals';

/**
 * Requests that create and change topics. kafkajs has them too, but it drops the broker's reason, and its only way to
 * change settings resets those that the request does not name.
 * https://kafka.apache.org/protocol#The_Messages_CreateTopics, …_IncrementalAlterConfigs
 */
const CREATE_TOPICS = { apiKey: 19, apiVersion: 3, apiName: 'CreateTopics' } as const;
/** Since Kafka 2.3. */
const ALTER_CONFIGS = { apiKey: 44, apiVersion: 0, apiName: 'IncrementalAlterConfigs' } as const;
const TIMEOUT_MS = 30_000;
const TOPIC_RESOURCE = 2;
const SET = 0;

interface Encoder {
  readonly buffer: Buffer;
  writeInt8(value: number): Encoder;
  writeInt16(value: number): Encoder;
  writeInt32(value: number): Encoder;
  writeBoolean(value: boolean): Encoder;
  writeString(text: string | null): Encoder;
  writeArray(items: readonly Encoder[]): Encoder;
}
interface Decoder {
  readInt8(): number;
  readInt16(): number;
  readInt32(): number;
  readString(): string | null;
}

/** Why a broker refuses a request. */
export interface Refusal {
  /** The protocol's name of the error, e.g. `POLICY_VIOLATION`. */
  readonly type: string;
  /** The broker's own words. */
  readonly message: string;
}

export interface NewTopic {
  readonly topic: string;
  readonly partitions: number;
  readonly replicationFactor: number;
  readonly config: ReadonlyMap<string, string>;
}

/** `validate`: the broker only says what it would do. */
export type Mode = 'apply' | 'validate';

/** @throws an error with a `type` if another attempt may help (for example, another controller was elected) */
export function askToCreate(broker: RequestBroker, wanted: NewTopic, mode: Mode): Promise<Refusal | null> {
  const { topic, partitions, replicationFactor, config } = wanted;
  const entries = [...config].map(([name, value]) => newEncoder().writeString(name).writeString(value));
  const one = newEncoder()
    .writeString(topic)
    .writeInt32(partitions)
    .writeInt16(replicationFactor)
    .writeArray([]) // we choose no replicas
    .writeArray(entries);
  const request = newEncoder()
    .writeArray([one])
    .writeInt32(TIMEOUT_MS)
    .writeBoolean(mode === 'validate');
  return send(broker, CREATE_TOPICS, request, (decoder) => {
    decoder.readString(); // topic
    const code = decoder.readInt16();
    return { code, message: decoder.readString() };
  });
}

/** Sets these settings of a topic and leaves its others. @throws as `askToCreate` */
export function askToAlter(
  broker: RequestBroker,
  topic: string,
  config: ReadonlyMap<string, string>,
  mode: Mode,
): Promise<Refusal | null> {
  const entries = [...config].map(([name, value]) => newEncoder().writeString(name).writeInt8(SET).writeString(value));
  const one = newEncoder().writeInt8(TOPIC_RESOURCE).writeString(topic).writeArray(entries);
  const request = newEncoder()
    .writeArray([one])
    .writeBoolean(mode === 'validate');
  return send(broker, ALTER_CONFIGS, request, (decoder) => {
    const code = decoder.readInt16();
    return { code, message: decoder.readString() };
  });
}

interface Answer {
  readonly code: number;
  readonly message: string | null;
}

function send(
  broker: RequestBroker,
  api: { readonly apiKey: number; readonly apiVersion: number; readonly apiName: string },
  request: Encoder,
  read: (decoder: Decoder) => Answer,
): Promise<Refusal | null> {
  const decode = (payload: Buffer): Promise<Answer> => {
    const KafkaDecoder = requireInternal('protocol/decoder') as new (payload: Buffer) => Decoder;
    const decoder = new KafkaDecoder(payload);
    decoder.readInt32(); // throttle time
    if (decoder.readInt32() !== 1) throw new Error(`${api.apiName}: the answer is about something else`);
    return Promise.resolve(read(decoder));
  };
  return broker.connectionPool.send({
    request: { ...api, encode: () => Promise.resolve(request) },
    response: { decode, parse: toRefusal },
  });
}

function toRefusal({ code, message }: Answer): Promise<Refusal | null> {
  const { failure, createErrorFromCode } = requireInternal('protocol/error') as {
    failure(code: number): boolean;
    createErrorFromCode(code: number): Error & { readonly type: string; readonly retriable: boolean };
  };
  if (!failure(code)) return Promise.resolve(null);
  const error = createErrorFromCode(code);
  if (error.retriable) return Promise.reject(error);
  return Promise.resolve({ type: error.type, message: message ?? error.message });
}

function newEncoder(): Encoder {
  return new (requireInternal('protocol/encoder') as new () => Encoder)();
}
