import { once } from 'node:events';
import { createServer, type AddressInfo, type Socket } from 'node:net';
import { afterEach, describe, expect, it, jest } from '@jest/globals';
import type { GroupMessagesPerPartition } from '../../../src/log/kafkajs/repairs/r2-quadratic-grouping';
import type { DecodeRecordBatch } from '../../../src/log/kafkajs/repairs/r3-empty-batches';
import type { FetchedMessage, FilterAbortedMessages } from '../../../src/log/kafkajs/repairs/r4-interleaved-aborts';
import { openKafkajs, type Variant } from '../../support/kafka/stock-kafkajs';
import { until } from '../../support/processes/until';

/** Each bug in kafkajs as npm installed it, and its absence with the repair. The rest: test/integration/log/repairs.test.ts */
const variants = [['stock'], ['repaired']] as const;

describe('R1, timers of an idle connection', () => {
  afterEach(() => {
    jest.useRealTimers();
  });

  it.each(variants)('%s', (variant) => {
    jest.useFakeTimers();
    const logger = { debug: () => undefined };
    const Queue = openKafkajs(variant).module('network/requestQueue') as new (options: object) => {
      checkPendingRequests(): void;
      push(request: object): void;
      maybeThrottle(ms: number): void;
      destroy(): void;
    };
    const queue = new Queue({ clientId: 'a', broker: 'b', requestTimeout: 1, logger, maxInFlightRequests: 1 });
    queue.checkPendingRequests();
    // One expired timer arms the next: nothing is pending, and it never ends.
    for (let i = 0; i < 50; i++) jest.advanceTimersToNextTimer();
    expect(jest.getTimerCount()).toBe(variant === 'stock' ? 1 : 0);

    // What is throttled is sent later all the same.
    const sent: number[] = [];
    queue.maybeThrottle(40);
    queue.push({ entry: { correlationId: 7 }, expectResponse: true, sendRequest: () => sent.push(7) });
    expect(sent).toEqual([]);
    jest.advanceTimersByTime(100);
    expect(sent).toEqual([7]);
    queue.destroy();
  });
});

describe('R2, grouping messages by partition', () => {
  it.each(variants)('%s', (variant) => {
    const group = openKafkajs(variant).module('producer/groupMessagesPerPartition') as GroupMessagesPerPartition;
    const messages = Array.from({ length: 500 }, (_, n) => ({ n }));
    // An array iterator is created for every copy of a group: 1 + 2 + … without the repair.
    let steps = 0;
    const iterate = Array.prototype[Symbol.iterator];
    const spy = jest.spyOn(Array.prototype, Symbol.iterator).mockImplementation(function (this: unknown[]) {
      steps += this.length;
      return iterate.call(this);
    });
    let groups: Record<number, unknown[]>;
    try {
      groups = group({ topic: 't', partitionMetadata: [{}], messages, partitioner: () => 0 });
    } finally {
      spy.mockRestore();
    }
    expect(groups[0]).toEqual(messages);
    if (variant === 'stock') expect(steps).toBeGreaterThan(100_000);
    else expect(steps).toBeLessThanOrEqual(500);
  });
});

describe('R3, a batch that compaction has emptied', () => {
  /** A record batch of format 2 at offset 10, up to offset 14, without records. */
  function emptiedBatch(): Buffer {
    const batch = Buffer.alloc(61);
    batch.writeBigInt64BE(10n, 0);
    batch.writeInt32BE(49, 8);
    batch.writeInt8(2, 16);
    batch.writeInt32BE(4, 23);
    return batch;
  }

  it.each(variants)('%s', async (variant) => {
    const { module } = openKafkajs(variant);
    const Decoder = module('protocol/decoder') as new (buffer: Buffer) => object;
    const decode = module('protocol/recordBatch/v0/decoder') as DecodeRecordBatch;
    const { records } = await decode(new Decoder(emptiedBatch()));
    if (variant === 'stock') expect(records).toEqual([]);
    else expect(records).toMatchObject([{ offset: '14', isControlRecord: true }]);
  });
});

describe('R4, aborted transactions that interleave', () => {
  it.each(variants)('%s', (variant) => {
    const filter = openKafkajs(variant).module('consumer/filterAbortedMessages') as FilterAbortedMessages;
    const data = (offset: number, producerId: string): FetchedMessage => ({
      offset: String(offset),
      key: Buffer.from(`key of ${producerId}`),
      isControlRecord: false,
      batchContext: { producerId, inTransaction: true },
    });
    const abort = (offset: number, producerId: string): FetchedMessage => ({
      ...data(offset, producerId),
      key: Buffer.from([0, 0, 0, 0]),
      isControlRecord: true,
    });
    const messages = [data(0, 'A'), data(1, 'B'), abort(2, 'B'), data(3, 'A'), abort(4, 'A'), data(5, 'C')];
    // B's transaction began later and ended earlier: the broker lists it first.
    const abortedTransactions = [
      { producerId: 'B', firstOffset: '1' },
      { producerId: 'A', firstOffset: '0' },
    ];
    const delivered = filter({ messages, abortedTransactions })
      .filter(({ isControlRecord }) => !isControlRecord)
      .map(({ offset }) => offset);
    expect(delivered).toEqual(variant === 'stock' ? ['0', '5'] : ['5']);
    expect(filter({ messages, abortedTransactions: [] })).toHaveLength(6);
  });
});

describe('R8, the greatest timestamp of a batch', () => {
  it.each(variants)('%s', async (variant) => {
    const { module } = openKafkajs(variant);
    const produce = module('protocol/requests/produce/v3/request') as (request: object) => {
      encode(): Promise<{ buffer: Buffer }>;
    };
    const Decoder = module('protocol/decoder') as new (buffer: Buffer) => object;
    const decode = module('protocol/recordBatch/v0/decoder') as DecodeRecordBatch;
    const times = [1_000, 999, 998];
    const messages = times.map((timestamp) => ({ key: 'k', value: 'v', timestamp: String(timestamp) }));
    const topicData = [{ topic: 't', partitions: [{ partition: 0, firstSequence: 0, messages }] }];
    const { buffer } = await produce({ acks: -1, timeout: 1, topicData }).encode();
    // transactional_id, acks, timeout, count, topic, count, partition, size: then the batch.
    const batch = await decode(new Decoder(buffer.subarray(2 + 2 + 4 + 4 + 3 + 4 + 4 + 4)));
    expect(batch.records).toHaveLength(3);
    expect(batch.maxTimestamp).toBe(variant === 'stock' ? '999' : '1000');
  });
});

describe('R15, a leader that moves while records are sent', () => {
  type Sent = { readonly topicData: readonly { readonly partitions: readonly { readonly partition: number }[] }[] };
  const errorOf = (name: string, retriable = true): Error =>
    Object.assign(new Error(name), { name: 'KafkaJSProtocolError', type: name, retriable });
  const never = (): never => {
    throw new Error('not expected');
  };

  /** Two partitions, led by one broker each until `move`, and what `sendMessages` writes to the brokers. */
  function twoBrokers(variant: (typeof variants)[number][0]) {
    const leaders = ['a', 'b'];
    const taken: string[] = [];
    const sequences = [0, 0];
    const produce = new Map<string, (partitions: readonly number[]) => Promise<void>>();
    const brokers = new Map(
      ['a', 'b'].map((name) => {
        const broker = {
          nodeId: name,
          produce: async ({ topicData }: Sent) => {
            const partitions = topicData.flatMap((one) => one.partitions.map(({ partition }) => partition));
            await produce.get(name)?.(partitions);
            taken.push(...partitions.map((partition) => `${partition} by ${name}`));
            const answers = partitions.map((partition) => ({ partition, errorCode: 0, baseOffset: '0' }));
            return { topics: [{ topicName: 't', partitions: answers }] };
          },
        };
        return [name, broker] as const;
      }),
    );
    const metadata = () => leaders.map((leader, partitionId) => ({ partitionId, leader }));
    const cluster = {
      targetTopics: new Set(['t']),
      addMultipleTargetTopics: () => Promise.resolve(),
      refreshMetadataIfNecessary: () => Promise.resolve(),
      refreshMetadata: () => Promise.resolve(),
      findTopicPartitionMetadata: metadata,
      findLeaderForPartitions: (_: string, partitions: readonly string[]) => {
        const found: Record<string, number[]> = {};
        for (const partition of partitions.map(Number)) (found[leaders[partition] ?? ''] ??= []).push(partition);
        return found;
      },
      findBroker: ({ nodeId }: { nodeId: string }) => Promise.resolve(brokers.get(nodeId)),
      removeBroker: never,
      isConnected: () => true,
      connect: never,
    };
    const eosManager = {
      acquireBrokerLock: () => Promise.resolve(),
      releaseBrokerLock: () => Promise.resolve(),
      isTransactional: () => false,
      getTransactionalId: never,
      getProducerId: () => 1,
      getProducerEpoch: () => 1,
      getSequence: (_: string, partition: number) => sequences[partition] ?? 0,
      updateSequence: (_: string, partition: number, by: number) => {
        sequences[partition] = (sequences[partition] ?? 0) + by;
      },
    };
    const retrier = async (act: (bail: (error: Error) => void, count: number) => Promise<unknown>) => {
      const bailed: Error[] = [];
      for (let count = 0; count < 10; count++) {
        try {
          const answers = await act((error) => bailed.push(error), count);
          if (bailed[0] === undefined) return answers;
        } catch {
          await new Promise((resolve) => setImmediate(resolve));
        }
        if (bailed[0] !== undefined) throw bailed[0];
      }
      return never();
    };
    const create = openKafkajs(variant).module('producer/sendMessages') as (
      parts: object,
    ) => (request: object) => Promise<readonly object[]>;
    const logger = { debug: () => undefined, error: () => undefined };
    const partitioner = ({ message }: { message: { partition: number } }) => message.partition;
    const send = create({ logger, cluster, partitioner, eosManager, retrier });
    const messages = [{ partition: 0 }, { partition: 1 }];
    return {
      leaders,
      taken,
      produce,
      sequences,
      send: () => send({ acks: -1, timeout: 1, compression: 0, topicMessages: [{ topic: 't', messages }] }),
    };
  }

  it.each(variants)('%s: a partition moves to a broker that has answered already', async (variant) => {
    const { leaders, taken, produce, sequences, send } = twoBrokers(variant);
    produce.set('b', () => {
      leaders[1] = 'a';
      return Promise.reject(errorOf('NOT_LEADER_FOR_PARTITION'));
    });
    // kafkajs asks the broker that has nothing any more for nothing.
    const answers = await send()
      .finally(() => produce.clear())
      .catch(never);
    expect(taken).toEqual(variant === 'stock' ? ['0 by a'] : ['0 by a', '1 by a']);
    expect(answers).toHaveLength(variant === 'stock' ? 1 : 2);
    expect(sequences).toEqual(variant === 'stock' ? [1, 0] : [1, 1]);
  });

  it.each(variants)('%s: a request is still under way when another one fails', async (variant) => {
    const { taken, produce, send } = twoBrokers(variant);
    produce.set('a', async () => {
      produce.delete('a');
      await new Promise((resolve) => setTimeout(resolve, 50));
    });
    produce.set('b', () => {
      produce.delete('b');
      return Promise.reject(errorOf('NOT_ENOUGH_REPLICAS'));
    });
    await send();
    await new Promise((resolve) => setTimeout(resolve, 100));
    const twice = ['0 by a', '1 by b', '0 by a'];
    expect(taken).toEqual(variant === 'stock' ? twice : ['0 by a', '1 by b']);
  });

  it('ends if the topic has another number of partitions meanwhile, because keys then belong to other partitions', async () => {
    const { leaders, taken, produce, send } = twoBrokers('repaired');
    produce.set('b', () => {
      leaders.push('a');
      return Promise.reject(errorOf('UNKNOWN_TOPIC_OR_PARTITION'));
    });
    await expect(send()).rejects.toThrow('t has 3 partitions now, and had 2 when its records were sent first');
    expect(taken).toEqual(['0 by a']);
  });

  it('ends at once with an answer that stays the same, also if another broker gave one that passes', async () => {
    const { produce, send } = twoBrokers('repaired');
    const asked: string[] = [];
    produce.set('a', () => {
      asked.push('a');
      return Promise.reject(errorOf('NOT_LEADER_FOR_PARTITION'));
    });
    produce.set('b', () => Promise.reject(errorOf('INVALID_PRODUCER_EPOCH', false)));
    await expect(send()).rejects.toThrow('INVALID_PRODUCER_EPOCH');
    expect(asked).toEqual(['a']);
  });
});

describe('R16, a connection that gets another socket', () => {
  const closing: (() => unknown)[] = [];
  afterEach(() => {
    for (const close of closing.splice(0)) close();
  });

  interface Connection {
    connect(): Promise<true>;
    disconnect(): Promise<true>;
    isConnected(): boolean;
    send(protocol: object): Promise<string>;
    sendAuthRequest(protocol: object): Promise<unknown>;
  }

  /** A server that keeps its sockets, and a connection to it. */
  async function aConnection(variant: Variant) {
    const sockets: Socket[] = [];
    const server = createServer({ allowHalfOpen: true }, (socket) => {
      sockets.push(socket.on('error', () => undefined).resume());
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    closing.push(
      () => server.close(),
      () => sockets.forEach((socket) => socket.destroy()),
    );
    const opened = openKafkajs(variant);
    const Class = opened.module('network/connection') as new (options: object) => Connection;
    const Encoder = opened.module('protocol/encoder') as new () => object;
    const socketFactory = (opened.module('network/socketFactory') as () => unknown)();
    const silent = { debug: () => undefined, error: () => undefined, info: () => undefined, warn: () => undefined };
    const connection = new Class({
      ...{ host: '127.0.0.1', port: (server.address() as AddressInfo).port, socketFactory },
      ...{ logger: { namespace: () => silent }, connectionTimeout: 60_000, requestTimeout: 60_000 },
    });
    closing.push(() => connection.disconnect());
    const request = { apiKey: 18, apiVersion: 0, apiName: 'ApiVersions', encode: () => Promise.resolve(new Encoder()) };
    const text = (payload: Buffer) => Promise.resolve(payload.toString());
    const protocol = { request, response: { decode: text, parse: (answer: string) => Promise.resolve(answer) } };
    const socket = async (index: number) => {
      await until(`socket ${index}`, 60_000, () => sockets[index] !== undefined);
      return sockets[index] as Socket;
    };
    return { connection, sockets, socket, protocol };
  }

  /** The answer to the request with this number. */
  function answer(correlationId: number, text: string): Buffer {
    const frame = Buffer.alloc(8 + text.length);
    frame.writeInt32BE(4 + text.length, 0);
    frame.writeInt32BE(correlationId, 4);
    frame.write(text, 8);
    return frame;
  }

  const outcomeOf = (promise: Promise<unknown>) =>
    promise.then(
      (value) => value,
      (error: unknown) => (error as Error).name,
    );

  it.each(variants)('%s: requests that connect at the same time share one socket', async (variant) => {
    const { connection, sockets, socket } = await aConnection(variant);
    await Promise.all([connection.connect(), connection.connect()]);
    await socket(variant === 'stock' ? 1 : 0);
    expect(sockets).toHaveLength(variant === 'stock' ? 2 : 1);
  });

  it.each(variants)('%s: an older socket that ends takes nothing with it', async (variant) => {
    const { connection, socket, protocol } = await aConnection(variant);
    await connection.connect();
    const older = await socket(0);
    await connection.disconnect();
    await connection.connect();
    const newer = await socket(1);
    const outcome = outcomeOf(connection.send(protocol));
    await once(newer, 'data');
    const closed = once(older, 'close');
    older.end();
    await closed;
    newer.write(answer(0, 'the answer'));
    expect(await outcome).toBe(variant === 'stock' ? 'KafkaJSConnectionClosedError' : 'the answer');
  });

  it.each(variants)('%s: half of an answer is forgotten with its socket', async (variant) => {
    const { connection, socket, protocol } = await aConnection(variant);
    await connection.connect();
    const first = outcomeOf(connection.send(protocol));
    const broken = await socket(0);
    await once(broken, 'data');
    broken.end(answer(0, 'an answer that breaks off').subarray(0, 15));
    expect(await first).toBe('KafkaJSConnectionClosedError');
    await until('the end', 60_000, () => !connection.isConnected());

    await connection.connect();
    const second = outcomeOf(connection.send(protocol));
    const newer = await socket(1);
    await once(newer, 'data');
    newer.end(answer(1, 'the answer'));
    expect(await second).toBe(variant === 'stock' ? 'KafkaJSConnectionClosedError' : 'the answer');
  });

  it.each(variants)('%s: a socket that breaks ends the exchange of SASL on it', async (variant) => {
    const { connection, socket, protocol } = await aConnection(variant);
    await connection.connect();
    let outcome: unknown = 'none';
    const request = { encode: () => Promise.resolve(Buffer.from('a token')) };
    void outcomeOf(connection.sendAuthRequest({ ...protocol, request })).then((name) => (outcome = name));
    const broken = await socket(0);
    await once(broken, 'data');
    broken.resetAndDestroy();
    await until('the end', 60_000, () => !connection.isConnected());
    // Every promise that is settled by now has told its outcome.
    await new Promise(setImmediate);
    expect(outcome).toBe(variant === 'stock' ? 'none' : 'KafkaJSConnectionError');
  });

  it.each(variants)('%s: a broker that falls silent within an exchange of SASL ends it', async (variant) => {
    const { connection, socket, protocol } = await aConnection(variant);
    await connection.connect();
    const silent = await socket(0);
    jest.useFakeTimers({ doNotFake: ['setImmediate', 'nextTick', 'queueMicrotask'] });
    try {
      let outcome: unknown = 'none';
      const request = { encode: () => Promise.resolve(Buffer.from('a token')) };
      void outcomeOf(connection.sendAuthRequest({ ...protocol, request })).then((name) => (outcome = name));
      await once(silent, 'data');
      jest.advanceTimersByTime(600_000);
      await new Promise(setImmediate);
      expect(outcome).toBe(variant === 'stock' ? 'none' : 'KafkaJSConnectionError');
    } finally {
      jest.useRealTimers();
    }
  });
});

describe('R17, the time-outs of requests', () => {
  afterEach(() => {
    jest.useRealTimers();
  });

  /** A queue with one request that nobody answers, and what became of it. */
  function aRequest(variant: Variant) {
    jest.useFakeTimers();
    const Queue = openKafkajs(variant).module('network/requestQueue') as new (options: object) => {
      scheduleRequestTimeoutCheck(): void;
      push(request: object): void;
      destroy(): void;
    };
    const connection = { isConnected: true };
    const outcomes: string[] = [];
    const entry = { correlationId: 7, reject: ({ name }: Error) => outcomes.push(name) };
    const queue = new Queue({
      ...{ clientId: 'a', broker: 'b', requestTimeout: 30_000, enforceRequestTimeout: true },
      ...{ logger: { debug: () => undefined }, isConnected: () => connection.isConnected },
    });
    queue.scheduleRequestTimeoutCheck();
    queue.push({ entry, expectResponse: true, sendRequest: () => undefined });
    return { connection, outcomes, queue };
  }

  it.each(variants)('%s: requests that a silent broker never answers end while the connection closes', (variant) => {
    const { connection, outcomes } = aRequest(variant);
    connection.isConnected = false;
    jest.advanceTimersByTime(600_000);
    expect(outcomes).toEqual(variant === 'stock' ? [] : ['KafkaJSRequestTimeoutError']);
    expect(jest.getTimerCount()).toBe(0);
  });

  it.each(variants)('%s: a clock that is set back delays no time-out', (variant) => {
    const { outcomes, queue } = aRequest(variant);
    jest.setSystemTime(Date.now() - 3_600_000);
    jest.advanceTimersByTime(29_000);
    expect(outcomes).toEqual([]);
    jest.advanceTimersByTime(2_000);
    expect(outcomes).toEqual(variant === 'stock' ? [] : ['KafkaJSRequestTimeoutError']);
    queue.destroy();
  });

  it.each(variants)('%s: a clock that is set forward ends no request', (variant) => {
    const { outcomes, queue } = aRequest(variant);
    jest.setSystemTime(Date.now() + 3_600_000);
    jest.advanceTimersByTime(1_000);
    expect(outcomes).toEqual(variant === 'stock' ? ['KafkaJSRequestTimeoutError'] : []);
    queue.destroy();
  });
});

describe('the installed kafkajs', () => {
  it('is refused when its version is not the one that the repairs were made for', () => {
    jest.resetModules();
    jest.doMock('kafkajs/package.json', () => ({ version: '2.3.0' }), { virtual: true });
    try {
      expect(() => openKafkajs('repaired')).toThrow(
        /kafkajs 2\.3\.0 is installed.*npm install --save-exact kafkajs@2\.2\.4/,
      );
    } finally {
      jest.dontMock('kafkajs/package.json');
    }
  });
});
