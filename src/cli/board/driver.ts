import { stripVTControlCharacters } from 'node:util';
import { messageOf, type OutputStream } from '../../common';
import type { BoardModel } from './model';
import { renderBoard } from './render';

export interface BoardDriverOptions {
  /** A terminal. */
  readonly stdout: OutputStream & NodeJS.EventEmitter;
  readonly color: boolean;
  /** Returns the screen to show now. Called once a second and on resize. */
  readonly model: () => BoardModel;
  /** The process, which may end, and which the shell may stop and continue. */
  readonly process: Pick<NodeJS.EventEmitter, 'on' | 'off'> & {
    readonly pid: number;
    kill(pid: number, signal: string): unknown;
  };
  readonly intervalMs?: number;
}

export interface Board {
  /** Shows a line of the log below the tables. */
  note(line: string): void;
  /** Restores the terminal, and returns the last notes, so that the caller can print them. */
  stop(): readonly string[];
}

// The alternate screen keeps the scroll-back. Without line wrapping, no character of unexpected width breaks the
// layout.
const ENTER = '\u001B[?1049h\u001B[?25l\u001B[?7l';
const LEAVE = '\u001B[?7h\u001B[?25h\u001B[?1049l';
// Makes one update, so that terminals with DEC mode 2026 never show half of a screen.
const BEGIN = '\u001B[?2026h\u001B[H';
const END = '\u001B[?2026l';
// Before the text: without wrapping, the cursor stays on the last cell, which would be cleared, too.
const CLEAR_LINE = '\u001B[K';

const KEPT_NOTES = 20;
const FALLBACK = { columns: 80, rows: 24 };

/** Repaints each second and on resize until stopped. It restores the terminal, however the process ends. */
export function startBoard({ stdout, color, model, process: host, intervalMs = 1_000 }: BoardDriverOptions): Board {
  const notes: string[] = [];
  let shown = false;
  let blocked = false;

  const note = (line: string) => {
    const text = stripVTControlCharacters(line).trim();
    if (text === '') return;
    notes.push(text);
    if (notes.length > KEPT_NOTES) notes.shift();
  };

  const paint = () => {
    // A slow terminal gets the next screen when it has taken the last one, not a queue of screens.
    if (!shown || blocked) return;
    const columns = stdout.columns ?? FALLBACK.columns;
    const rows = stdout.rows ?? FALLBACK.rows;
    let lines: readonly string[];
    try {
      lines = renderBoard(model(), { columns, rows, color, notes });
    } catch (error) {
      note(`queuefold cannot show the table: ${messageOf(error)}`);
      return;
    }
    blocked = !stdout.write(`${BEGIN}${lines.map((line) => `${CLEAR_LINE}${line}`).join('\r\n')}${END}`);
    if (blocked) stdout.once('drain', () => (blocked = false));
  };

  const enter = () => {
    if (shown) return;
    shown = true;
    stdout.write(ENTER);
    paint();
  };
  const leave = () => {
    if (!shown) return;
    shown = false;
    stdout.write(LEAVE);
  };
  const suspend = () => {
    leave();
    host.kill(host.pid, 'SIGSTOP');
  };

  const timer = setInterval(paint, intervalMs);
  stdout.on('resize', paint);
  const handlers = [
    ['exit', leave],
    ['SIGTSTP', suspend],
    ['SIGCONT', enter],
  ] as const;
  for (const [event, handler] of handlers) host.on(event, handler);
  enter();

  return {
    note,
    stop: () => {
      clearInterval(timer);
      stdout.off('resize', paint);
      for (const [event, handler] of handlers) host.off(event, handler);
      leave();
      return notes;
    },
  };
}
