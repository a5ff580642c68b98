import { startBoard } from './board/driver';
import { summaryLine, type BoardModel } from './board/model';
import type { Context } from './context';

export { boardModel, elapsed, summaryLine, type BoardExtras, type BoardModel, type QueueLine } from './board/model';
export { renderBoard } from './board/render';

const SUMMARY_MS = 60_000;

export interface LiveView {
  stop(): void;
}

/**
 * Shows the live table on a terminal, with the lines of the log below it. Without a terminal it writes one line a
 * minute to stderr (none with `--quiet`). The caller stops it before it prints anything itself.
 */
export function startLiveView({ io, quiet, redirectLogs }: Context, model: () => BoardModel): LiveView {
  if (io.stdout.isTTY === true) {
    const board = startBoard({ stdout: io.stdout, color: io.color, model, process });
    redirectLogs(board.note);
    return {
      stop: () => {
        const notes = board.stop();
        redirectLogs(null);
        for (const note of notes) io.stderr.write(`${note}\n`);
      },
    };
  }
  if (quiet) return { stop: () => undefined };
  const timer = setInterval(() => {
    io.stderr.write(`${summaryLine(model())}\n`);
  }, SUMMARY_MS);
  return { stop: () => clearInterval(timer) };
}
