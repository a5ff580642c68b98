/**
 * Loaded before queuefold into a fold. The process kills itself at its first commit: Kafka has acknowledged all records
 * of the transaction, and the request that would commit it (EndTxn with `true`) does not go out.
 */
import { Socket } from 'node:net';

const END_TXN = 26;
const write = Socket.prototype.write;

/** A request of Kafka: its length, the number of its kind, …; the last byte of EndTxn says whether to commit. */
const isCommit = (data) =>
  Buffer.isBuffer(data) && data.length > 8 && data.readInt16BE(4) === END_TXN && data.at(-1) === 1;

Socket.prototype.write = function (data, ...rest) {
  if (isCommit(data)) process.kill(process.pid, 'SIGKILL');
  return write.call(this, data, ...rest);
};
