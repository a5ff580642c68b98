import { EventEmitter } from 'node:events';
import { Writable } from 'node:stream';
import { describe, expect, test } from '@jest/globals';
import { boardModel } from '../../../src/cli/board';
import { startBoard } from '../../../src/cli/board/driver';
import { aWaitingCall, NOW } from './board-support';

const NEVER_MS = 2 ** 30;
const ENTERED = '\u001B[?1049h';
const LEFT = '\u001B[?1049l';

function aTerminal() {
  let written = '';
  const stdout = Object.assign(
    new Writable({
      decodeStrings: false,
      write: (chunk: string, _, done) => {
        written += chunk;
        done();
      },
    }),
    { columns: 80, rows: 24, isTTY: true },
  );
  const killed: string[] = [];
  const host = Object.assign(new EventEmitter(), { pid: 1, kill: (_: number, signal: string) => killed.push(signal) });
  return {
    stdout,
    host,
    killed,
    /** What was written since the last call. */
    taken: () => {
      const text = written;
      written = '';
      return text;
    },
  };
}

function aBoard(terminal = aTerminal()) {
  const { stdout, host } = terminal;
  const model = () => boardModel([aWaitingCall()], NOW);
  const board = startBoard({ stdout, color: false, process: host, model, intervalMs: NEVER_MS });
  return { board, ...terminal };
}

describe('the board on a terminal', () => {
  test('starts on the alternate screen and gives the terminal back, cursor and wrapping included', () => {
    const { board, taken } = aBoard();
    expect(taken()).toMatch(/^\u001B\[\?1049h\u001B\[\?25l\u001B\[\?7l.*1 live/su);
    board.stop();
    expect(taken()).toBe('\u001B[?7h\u001B[?25h\u001B[?1049l');
  });

  test('gives the terminal back when the process ends without stopping it, and only once', () => {
    const { board, host, taken } = aBoard();
    host.emit('exit');
    expect(taken()).toContain(LEFT);
    board.stop();
    expect(taken()).toBe('');
  });

  test('repaints when the window changes, in its size', () => {
    const { board, stdout, taken } = aBoard();
    taken();
    stdout.rows = 10;
    stdout.emit('resize');
    expect(taken().split('\r\n')).toHaveLength(10);
    board.stop();
    stdout.emit('resize');
    expect(taken()).not.toContain('live');
  });

  test('leaves the screen while the shell has stopped it', () => {
    const { board, host, killed, taken } = aBoard();
    host.emit('SIGTSTP');
    expect(taken()).toContain(LEFT);
    expect(killed).toEqual(['SIGSTOP']);
    host.emit('SIGCONT');
    expect(taken()).toContain(ENTERED);
    board.stop();
  });

  test('shows log lines, and hands them out at the end', () => {
    const { board, stdout, taken } = aBoard();
    board.note('\u001B[33mWARN\u001B[39m Kafka is away\n');
    stdout.emit('resize');
    expect(taken()).toContain('WARN Kafka is away');
    expect(board.stop()).toEqual(['WARN Kafka is away']);
  });

  test('a model that fails is a note, not a crash', () => {
    const { stdout, host } = aTerminal();
    const failing = () => {
      throw new Error('no rows');
    };
    const board = startBoard({ stdout, color: false, process: host, model: failing, intervalMs: NEVER_MS });
    expect(board.stop()).toEqual(['queuefold cannot show the table: no rows']);
  });

  test('leaves no listener behind', () => {
    const { board, stdout, host } = aBoard();
    board.stop();
    expect(host.eventNames()).toEqual([]);
    expect(stdout.listenerCount('resize')).toBe(0);
  });
});
