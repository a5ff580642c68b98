import { readFileSync } from 'node:fs';
import { relative } from 'node:path';
import Sequencer from '@jest/test-sequencer';

/** The seconds that slow test files take, by path, on a quiet machine with two cores. */
const slow = JSON.parse(readFileSync(new URL('slow.json', import.meta.url), 'utf8'));
const secondsOf = ({ path, context }) => slow[relative(context.config.rootDir, path).replaceAll('\\', '/')] ?? 0;

/**
 * Slow files come first, also if jest has run nothing yet: the last worker must not begin one when the others have
 * finished.
 */
export default class SlowFirst extends Sequencer {
  sort(tests) {
    return super.sort(tests).toSorted((a, b) => secondsOf(b) - secondsOf(a));
  }

  /** Distributes the files in turn: jest's own shards may have all slow files in one. */
  shard(tests, { shardIndex, shardCount }) {
    const inOrder = tests.toSorted((a, b) => secondsOf(b) - secondsOf(a) || (a.path < b.path ? -1 : 1));
    return inOrder.filter((_, index) => index % shardCount === shardIndex - 1);
  }
}
