import { OperatorError } from '../../common';
import type { Checkpoint, TopicMark, Topology } from '../port';
import { differingCounts } from './co-partitioned';

/** The state of one partition when a task begins. The task reads it after fencing, so nobody else changes it. */
export interface Found {
  readonly topology: Topology;
  readonly partition: number;
  /** All topics of the topology as they are now. */
  readonly topics: readonly TopicMark[];
  /** `cleanup.policy` of the changelog; null: not known. */
  readonly changelogPolicy: string | null;
  /** The group's next offset; null: none is committed. */
  readonly committed: number | null;
  readonly checkpoint: Checkpoint | null;
  /** If there is neither checkpoint nor committed offset: a topic that still holds records of this topology. */
  readonly strangeTopic: string | null;
  /** The last folded record; `moved`: another record, or none, has its offset now. */
  readonly lastRecord: 'same' | 'moved' | 'unknown';
}

/** Records that a task needs are gone, or are not where they were. */
export interface Loss {
  /** The remedy: a state made from the tables, another place in the input, or neither. */
  readonly kind: 'state' | 'input' | 'neither';
  /**
   * `apparent`: after a partition's leader has changed, a broker may show fewer records than were acknowledged, for a
   * moment.
   */
  readonly certainty: 'certain' | 'apparent';
  /** For a person, with the remedy. */
  readonly message: string;
}

export interface Judgement {
  readonly losses: readonly Loss[];
  /** The offset at which to continue if nothing was lost. */
  readonly from: number;
  /** Outputs that lost records which the task can write again. */
  readonly rewrite: ReadonlySet<string>;
}

const ADOPT = 'stop every fold and run `queuefold setup --adopt`';

/** The losses since the checkpoint was written (docs/reference/losses.md). Pure. */
export function judge(found: Found): Judgement {
  const { checkpoint, committed } = found;
  const input = markOf(found.topics, found.topology.input);
  // The group's offset may have expired or gone back. The checkpoint is part of every transaction, so it counts while
  // the input still has its next record. Otherwise an operator may have moved the group's offset forward.
  const from =
    checkpoint !== null && checkpoint.nextOffset >= input.beginning
      ? checkpoint.nextOffset
      : Math.max(committed ?? input.beginning, checkpoint?.nextOffset ?? 0);
  return {
    losses: [...lossesOfCounts(found), ...lossesOfState(found, input), ...lossesOfInput(found, input, from)],
    from,
    rewrite: checkpoint === null ? new Set() : outputsToRewrite(found, checkpoint),
  };
}

export function refusalOf(losses: readonly Loss[]): OperatorError {
  return new OperatorError(losses.map(({ message }) => message).join('\n'));
}

/** Whether Kafka deletes records under this `cleanup.policy`; null: not known. */
export function deletes(policy: string | null): boolean {
  return policy?.split(',').some((one) => one.trim() === 'delete') === true;
}

function lossesOfCounts({ topics, checkpoint }: Found): readonly Loss[] {
  const differing = differingCounts(topics);
  if (differing !== null) return [{ kind: 'neither', certainty: 'certain', message: differing }];
  const before = new Map(checkpoint?.topics.map(({ topic, partitions }) => [topic, partitions]));
  return topics.flatMap(({ topic, partitions }): Loss[] => {
    const were = before.get(topic) ?? partitions;
    if (were === partitions) return [];
    const message =
      `${topic} has ${partitions} partitions, ${were} before: keys now go to other partitions than their state. Kafka ` +
      `cannot remove partitions, so use a new TOPIC_PREFIX (docs/how-to/scale.md, "More partitions, or another prefix").`;
    return [{ kind: 'neither', certainty: 'certain', message }];
  });
}

function lossesOfState(found: Found, input: TopicMark): readonly Loss[] {
  const { topology, partition, topics, checkpoint, committed } = found;
  const { changelog, tables, group } = topology;
  const now = markOf(topics, changelog);
  const place = `${changelog}/${partition}`;
  const ways =
    `Either ${ADOPT}: the fold then takes its state from the rows of ${tables.join(', ')}, which is enough if a bridge asks ` +
    `Genesys for the rest. Or use a new TOPIC_PREFIX, whose fold starts empty.`;
  const loss = (what: string, certainty: Loss['certainty'] = 'certain'): Loss => ({
    ...{ kind: 'state', certainty },
    message: `${place}: ${what}. The state of the fold is incomplete, so rows of ended conversations could stay forever. ${ways}`,
  });
  const losses: Loss[] = [];
  if (deletes(found.changelogPolicy)) {
    losses.push({
      ...{ kind: 'neither', certainty: 'certain' },
      message:
        `${changelog}: cleanup.policy is ${found.changelogPolicy}, so Kafka deletes the state of the fold. Run ` +
        `kafka-configs --alter --topic ${changelog} --add-config cleanup.policy=compact and start the fold again.`,
    });
  }
  if (checkpoint === null) {
    if (committed !== null) {
      losses.push(
        loss(
          `it has no checkpoint, but group ${group} has folded up to offset ${committed}: somebody deleted or emptied the topic`,
          'apparent',
        ),
      );
    } else if (found.strangeTopic !== null) {
      losses.push(loss(`it has no checkpoint and group ${group} has no offset, but ${found.strangeTopic} has records`));
    }
    return losses;
  }
  const then = checkpoint.topics.find(({ topic }) => topic === changelog);
  if (isAnother(then, now)) losses.push(loss('it was deleted and recreated while a fold wrote to it'));
  else if (now.beginning > (then?.beginning ?? 0)) {
    losses.push(
      loss(`its records below offset ${now.beginning} were deleted (kafka-delete-records, or cleanup.policy=delete)`),
    );
  }
  if (committed !== null && committed > checkpoint.nextOffset && checkpoint.nextOffset >= input.beginning) {
    const what =
      `its last checkpoint is at offset ${checkpoint.nextOffset} of ${topology.input}, but group ${group} has folded up to ` +
      `${committed}: the changelog lost its last records`;
    losses.push(loss(what, 'apparent'));
  }
  return losses;
}

function lossesOfInput(found: Found, input: TopicMark, from: number): readonly Loss[] {
  const { partition, checkpoint } = found;
  const then = checkpoint?.topics.find(({ topic }) => topic === input.topic);
  const loss = (what: string, certainty: Loss['certainty'] = 'certain'): Loss => ({
    ...{ kind: 'input', certainty },
    message:
      `${input.topic}/${partition}: ${what}. To fold what is there now, from offset ${input.beginning} on, ${ADOPT}. The ` +
      `state stays, and the bridge asks Genesys for what is missing.`,
  });
  if (isAnother(then, input)) {
    return [loss(`it was deleted and recreated, but the state belongs to offset ${from} of the old topic`)];
  }
  if (from < input.beginning) {
    return [
      loss(
        `the fold needs offset ${from}, but the topic begins at ${input.beginning}: Kafka deleted records (retention.ms) ` +
          `before the fold read them`,
      ),
    ];
  }
  if (from > input.end) {
    const what = `the fold needs offset ${from}, but the topic ends at ${input.end}: it was recreated or lost records`;
    return [loss(what, 'apparent')];
  }
  if (found.lastRecord === 'moved') {
    const offset = checkpoint?.last?.offset ?? from - 1;
    return [
      loss(
        `the record at offset ${offset} is not the one that the fold read: the topic was set back and has grown again`,
      ),
    ];
  }
  return [];
}

/**
 * A table that was recreated, or that lost records at either end. An expiring output loses its first records by design.
 */
function outputsToRewrite({ topology, topics }: Found, checkpoint: Checkpoint): ReadonlySet<string> {
  const { tables, expiring = [] } = topology;
  const lost = [...tables, ...expiring].filter((output) => {
    const then = checkpoint.topics.find(({ topic }) => topic === output);
    if (then === undefined) return false;
    const now = markOf(topics, output);
    const isShortened = tables.includes(output) && now.beginning > then.beginning;
    return isAnother(then, now) || isShortened || now.end < then.end;
  });
  return new Set(lost);
}

function isAnother(then: TopicMark | undefined, now: TopicMark): boolean {
  return then !== undefined && then.id !== null && now.id !== null && then.id !== now.id;
}

export function markOf(marks: readonly TopicMark[], topic: string): TopicMark {
  const mark = marks.find((one) => one.topic === topic);
  if (mark === undefined) throw new Error(`${topic}: not looked at`);
  return mark;
}
