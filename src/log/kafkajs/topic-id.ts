import type { Cluster } from './cluster';
import { requireInternal } from './internals';

/**
 * The id that Kafka gives a topic when it creates it (KIP-516): a topic that was deleted and recreated has another one.
 * Metadata contains it since version 10, but kafkajs's own requests end at version 6, so this request is written by
 * hand. It is a flexible version (KIP-482): lengths are unsigned varints plus one, and every structure, the headers
 * included, ends with tagged fields. kafkajs writes and reads the older headers, so their tagged fields are here.
 * https://kafka.apache.org/protocol#The_Messages_Metadata
 */
const API_KEY = 3;
const API_VERSION = 10;
const ID_BYTES = 16;
/** A broker that supports ids but has given none (a topic older than that, in a cluster with ZooKeeper). */
const NO_ID = Buffer.alloc(ID_BYTES);

interface Encoder {
  readonly buffer: Buffer;
  writeBoolean(value: boolean): Encoder;
  writeUVarInt(value: number): Encoder;
  writeUVarIntString(value: string): Encoder;
  writeBuffer(value: Buffer): Encoder;
}
interface Decoder {
  readInt8(): number;
  readInt16(): number;
  readInt32(): number;
  readBoolean(): boolean;
  readUVarIntString(): string | null;
  readUVarIntArray<T>(read: (decoder: Decoder) => T): T[] | null;
  readTaggedFields(): unknown;
}

export interface ToldTopic {
  /** Null: the brokers have no ids, because they are older than Kafka 2.8. */
  readonly id: string | null;
  /** The broker's count now; kafkajs's own metadata may be minutes old. Null together with the id. */
  readonly partitions: number | null;
}

/** @throws an error of type UNKNOWN_TOPIC_OR_PARTITION if there is no such topic */
export async function topicIdOf(cluster: Cluster, topic: string): Promise<string | null> {
  return (await askTopic(cluster, topic)).id;
}

/** @throws an error of type UNKNOWN_TOPIC_OR_PARTITION if there is no such topic */
export async function askTopic(cluster: Cluster, topic: string): Promise<ToldTopic> {
  const leader = cluster.findTopicPartitionMetadata(topic)[0]?.leader;
  if (leader === undefined) throw new Error(`${topic}: no leader known`);
  const broker = await cluster.findBroker({ nodeId: leader });
  const supported = broker.versions?.[API_KEY];
  if (supported === undefined || supported.maxVersion < API_VERSION) return { id: null, partitions: null };
  const encode = () => Promise.resolve(encodeRequest(topic));
  return broker.connectionPool.send({
    request: { apiKey: API_KEY, apiVersion: API_VERSION, apiName: 'Metadata', encode },
    response: { decode: (payload) => Promise.resolve(decodeAnswer(payload)), parse: toTold },
  });
}

interface Answer {
  readonly errorCode: number;
  readonly id: Buffer;
  readonly partitions: number;
}

function toTold({ errorCode, id, partitions }: Answer): Promise<ToldTopic> {
  const { failure, createErrorFromCode } = requireInternal('protocol/error') as {
    failure(code: number): boolean;
    createErrorFromCode(code: number): Error;
  };
  if (failure(errorCode)) return Promise.reject(createErrorFromCode(errorCode));
  return Promise.resolve({ id: id.equals(NO_ID) ? null : id.toString('hex'), partitions });
}

function encodeRequest(topic: string): Encoder {
  const KafkaEncoder = requireInternal('protocol/encoder') as new () => Encoder;
  return new KafkaEncoder()
    .writeUVarInt(0) // tagged fields of the header
    .writeUVarInt(1 + 1) // one topic
    .writeBuffer(NO_ID) // by name
    .writeUVarIntString(topic)
    .writeUVarInt(0)
    .writeBoolean(false) // no auto-creation of topics
    .writeBoolean(false) // no authorized operations of the cluster
    .writeBoolean(false) // and of the topic
    .writeUVarInt(0);
}

/** @param payload the bytes after the correlation id */
function decodeAnswer(payload: Buffer): Answer {
  const KafkaDecoder = requireInternal('protocol/decoder') as new (payload: Buffer) => Decoder;
  const decoder = new KafkaDecoder(payload);
  decoder.readTaggedFields(); // of the header
  decoder.readInt32(); // throttle time
  decoder.readUVarIntArray(skipBroker);
  decoder.readUVarIntString(); // cluster id
  decoder.readInt32(); // controller
  const topics = decoder.readUVarIntArray((one) => {
    const errorCode = one.readInt16();
    one.readUVarIntString(); // name
    const id = Buffer.from(Array.from({ length: ID_BYTES }, () => one.readInt8() & 0xff));
    one.readBoolean(); // internal
    const partitions = one.readUVarIntArray(skipPartition)?.length ?? 0;
    one.readInt32(); // authorized operations
    one.readTaggedFields();
    return { errorCode, id, partitions };
  });
  const topic = topics?.[0];
  if (topic === undefined) throw new Error('Metadata: the answer lacks the topic of the request');
  return topic;
}

function skipBroker(decoder: Decoder): void {
  decoder.readInt32(); // node
  decoder.readUVarIntString(); // host
  decoder.readInt32(); // port
  decoder.readUVarIntString(); // rack
  decoder.readTaggedFields();
}

function skipPartition(decoder: Decoder): void {
  decoder.readInt16(); // error
  decoder.readInt32(); // partition
  decoder.readInt32(); // leader
  decoder.readInt32(); // leader's epoch
  for (let list = 0; list < 3; list++) decoder.readUVarIntArray((one) => one.readInt32()); // replicas
  decoder.readTaggedFields();
}
