import { OperatorError } from '../common';
import type { ConversationState, StateHead } from '../conversation';
import type { ChangelogCodec, FoldCheckpoint } from '../log';

/**
 * The values of the changelog that a task itself, or an earlier owner of its partition, has written.
 * All methods that read throw an `OperatorError` for a value that they cannot read.
 */
export class OwnChangelog {
  readonly #topic: string;
  readonly #partition: number;
  readonly #codec: ChangelogCodec;

  constructor(topic: string, partition: number, codec: ChangelogCodec) {
    this.#topic = topic;
    this.#partition = partition;
    this.#codec = codec;
  }

  /** @see ValueCodec.prepare */
  prepare(values: Iterable<Buffer>): Promise<void> | null {
    return this.#codec.prepare(values);
  }

  encode(state: ConversationState): Buffer {
    return this.#codec.encode({ state, checkpoint: null });
  }

  encodeCheckpoint(checkpoint: FoldCheckpoint): Buffer {
    return this.#codec.encode({ state: null, checkpoint });
  }

  decode(id: string, bytes: Buffer): ConversationState {
    const decoded = this.#codec.decode(bytes);
    if (!decoded.ok) throw this.#cannotRead(`, key ${id}`, decoded.message);
    if (decoded.value.state === null) {
      throw this.#cannotRead(`, key ${id}`, 'a checkpoint under the key of a conversation');
    }
    return decoded.value.state;
  }

  headOf(id: string, bytes: Buffer): StateHead {
    const head = this.#codec.headOf(bytes);
    if (!head.ok) throw this.#cannotRead(`, key ${id}`, head.message);
    return head.value;
  }

  checkpointOf(offset: number, bytes: Buffer): FoldCheckpoint {
    const decoded = this.#codec.decode(bytes);
    if (!decoded.ok) throw this.#cannotRead(`@${offset}`, decoded.message);
    const { checkpoint } = decoded.value;
    if (checkpoint === null) throw this.#cannotRead(`@${offset}`, 'a conversation under the key of the checkpoint');
    return checkpoint;
  }

  #cannotRead(where: string, why: string): OperatorError {
    return new OperatorError(
      `${this.#topic}[${this.#partition}]${where}: cannot read the fold's own state (${why}). Did a newer version of queuefold write it?`,
    );
  }
}
