import { connect } from 'node:net';

/**
 * Whether the broker at `port` answers all requests from now on. An open port is not enough. Until the controller has
 * unfenced the broker, nobody can create topics. Until the coordinators' own topics exist and are loaded (the very
 * first request for them creates them), a client's first commit or transaction fails. The four requests are written by
 * hand, because a client would log and retry the errors that are expected here.
 */
export async function isKafkaReady(port: number): Promise<boolean> {
  const brokers = await ask(port, METADATA, 1, int32(0)); // Of no topics: only the brokers.
  if (brokers?.readInt32BE(0) !== 1) return false;
  const groups = ask(port, FIND_COORDINATOR, 1, string(PROBE), int8(0));
  const transactions = ask(port, FIND_COORDINATOR, 1, string(PROBE), int8(1));
  const found = await Promise.all([groups, transactions]);
  if (!found.every((answer) => answer?.readInt16BE(4) === 0)) return false; // The error code follows the throttle time.
  const heartbeat = ask(port, HEARTBEAT, 1, string(PROBE), int32(0), string(PROBE));
  const addOffsets = ask(port, ADD_OFFSETS_TO_TXN, 1, string(PROBE), int64(0), int16(0), string(PROBE));
  const [member, producer] = await Promise.all([heartbeat, addOffsets]);
  // Nobody has these ids. If the coordinator says so, it has read its topic.
  return member?.readInt16BE(4) === UNKNOWN_MEMBER_ID && producer?.readInt16BE(4) === INVALID_PRODUCER_ID_MAPPING;
}

const PROBE = 'queuefold-ready';
const METADATA = 3;
const FIND_COORDINATOR = 10;
const HEARTBEAT = 12;
const ADD_OFFSETS_TO_TXN = 25;
const UNKNOWN_MEMBER_ID = 25;
const INVALID_PRODUCER_ID_MAPPING = 49;

/** The body of the answer; undefined if none comes within two seconds. */
function ask(port: number, apiKey: number, version: number, ...body: readonly Buffer[]): Promise<Buffer | undefined> {
  return new Promise((resolve) => {
    const socket = connect({ host: '127.0.0.1', port });
    let received = Buffer.alloc(0);
    const finish = (answer: Buffer | undefined) => {
      socket.destroy();
      resolve(answer);
    };
    socket.setTimeout(2_000, () => finish(undefined));
    socket.once('error', () => finish(undefined));
    socket.once('close', () => finish(undefined));
    socket.once('connect', () => {
      const request = Buffer.concat([int16(apiKey), int16(version), int32(1), string(PROBE), ...body]);
      socket.write(Buffer.concat([int32(request.length), request]));
    });
    socket.on('data', (chunk) => {
      received = Buffer.concat([received, chunk]);
      // The size and the correlation id come first.
      if (received.length >= 8 && received.length >= 4 + received.readInt32BE(0)) finish(received.subarray(8));
    });
  });
}

const int8 = (value: number) => Buffer.from([value]);
const int16 = (value: number) => Buffer.from([value >> 8, value & 0xff]);
const int32 = (value: number) => Buffer.concat([int16(value >> 16), int16(value & 0xffff)]);
const int64 = (value: number) => Buffer.concat([int32(0), int32(value)]);
const string = (value: string) => Buffer.concat([int16(Buffer.byteLength(value)), Buffer.from(value)]);
