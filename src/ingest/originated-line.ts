import { invalid } from '../conversation';
import type { Ingest, Ingested } from './ingest';
import type { Line } from './lines';

/** A line, and where it stands. */
export interface OriginatedLine {
  readonly line: Line;
  /** For dead letters, such as `events.ndjson:7`. */
  readonly origin: string;
}

/** @returns null for a blank line, which is not counted */
export function ingestLine(ingest: Ingest, line: Line, origin: string, now = Date.now()): Ingested | null {
  return 'tooLong' in line
    ? ingest.refuse(invalid('too-large', `a line of ${line.tooLong} bytes`), origin, { bytes: line.tooLong })
    : ingest.line(line, now, origin);
}
