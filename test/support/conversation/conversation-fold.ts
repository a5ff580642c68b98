/** The fold in the form that tests use: lines in, printed records out. */
import {
  type ConversationEvent,
  createPartitionFold,
  DEFAULT_FOLD_SETTINGS,
  type FoldSettings,
  printableRow,
  printableVisit,
  STATE_COLUMNS,
  type StateRecord,
} from '../../../src/conversation';
import { readLine } from './read-line';

export interface PrintedRecord {
  readonly key: string;
  readonly value: Readonly<Record<string, string | boolean | null>> | null;
  readonly timestamp: string;
}

export const printed = (record: StateRecord): PrintedRecord => ({
  key: record.conversationId,
  value: record.row === null ? null : printableRow(record.row, STATE_COLUMNS),
  timestamp: new Date(record.timestamp).toISOString(),
});

/** Null: the line is skipped or invalid. */
export function eventOf(line: string): ConversationEvent | null {
  const read = readLine(Buffer.from(line), 0);
  return read?.kind === 'event' ? read.event : null;
}

/** Every version of every visit, in the log's order, as printed. */
export function foldedVisits(
  lines: readonly string[],
  settings: Partial<FoldSettings> = {},
): Record<string, string | number | boolean | null>[] {
  const partition = createPartitionFold({ ...DEFAULT_FOLD_SETTINGS, ...settings });
  return lines.flatMap((line) => {
    const event = eventOf(line);
    return event === null ? [] : partition.apply(event).visits.map(({ visit }) => printableVisit(visit));
  });
}

export function foldedRecords(lines: readonly string[], settings: Partial<FoldSettings> = {}): PrintedRecord[] {
  const partition = createPartitionFold({ ...DEFAULT_FOLD_SETTINGS, ...settings });
  return lines.flatMap((line) => {
    const event = eventOf(line);
    return event === null ? [] : partition.apply(event).records.map(printed);
  });
}
