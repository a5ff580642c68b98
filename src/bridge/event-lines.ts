import { type Ingest, type OriginatedLine, readInput } from '../ingest';
import type { Intake, IntakeCounts } from './intake';
import type { Sender } from './sender';

export interface EventLinesOptions {
  readonly lines: AsyncIterable<OriginatedLine>;
  readonly ingest: Ingest;
  readonly intake: Intake;
  readonly sender: Sender;
  readonly signal: AbortSignal;
}

/** The bridge reads one piece while it sends another. So at most two pieces are in memory, however slow the log. */
const PIECE = { lines: 1_000, bytes: 4 * 1024 * 1024 };

/**
 * Sends lines of any shape into the log. Resolves when the log has acknowledged the last of them. If the sender stops
 * before that, it rejects; if the signal aborts, it rejects with the signal's reason.
 */
export async function sendEventLines(options: EventLinesOptions): Promise<IntakeCounts> {
  const { lines, ingest, intake, sender, signal } = options;
  const counts = { events: 0, skipped: 0, invalid: 0 };
  const piece = { lines: 0, bytes: 0 };
  let sent = Promise.resolve();
  for await (const { line, origin } of lines) {
    signal.throwIfAborted();
    for (const ingested of readInput(line, { ingest, origin, now: Date.now(), from: 'owner' })) {
      intake(ingested, 'file');
      counts[ingested.kind === 'event' ? 'events' : ingested.kind === 'skip' ? 'skipped' : 'invalid']++;
      piece.lines++;
    }
    piece.bytes += 'tooLong' in line ? 0 : line.length;
    if (piece.lines < PIECE.lines && piece.bytes < PIECE.bytes) continue;
    piece.lines = piece.bytes = 0;
    await sent;
    sent = sender.flushed();
    // The next piece awaits it; this handler only keeps Node.js from reporting an unhandled rejection until then.
    sent.catch(() => undefined);
  }
  await sender.flushed();
  return counts;
}
