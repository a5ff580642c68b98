import { EventEmitter } from 'node:events';
import { describe, expect, test } from '@jest/globals';
import pino from 'pino';
import { OperatorError } from '../../../src/common';
import { createShutdown, exitCodeOf, exitOnUncaught } from '../../../src/ops/shutdown';

const NEVER_MS = 2 ** 30;

function aProcess(deadlineMs = NEVER_MS) {
  const lines: string[] = [];
  const exits: number[] = [];
  const logger = pino({ level: 'trace' }, { write: (line: string) => lines.push(line) });
  let exited: (code: number) => void = () => undefined;
  const exit = new Promise<number>((resolve) => (exited = resolve));
  const host = Object.assign(new EventEmitter(), {
    exit: (code: number) => {
      exits.push(code);
      exited(code);
    },
  });
  const shutdown = createShutdown({ logger, process: host, deadlineMs });
  return { host, shutdown, logger, exits, exit, log: () => lines.join('') };
}

const forEver = () => new Promise<never>(() => undefined);

describe('an orderly end', () => {
  test.each(['SIGINT', 'SIGTERM', 'SIGHUP'] as const)('%s stops everything, the last started first', async (signal) => {
    const { host, shutdown } = aProcess();
    const stopped: string[] = [];
    shutdown.onStop('http', () => stopped.push('http'));
    shutdown.onStop('tasks', async () => {
      await Promise.resolve();
      stopped.push('tasks');
    });
    let end: () => void = () => undefined;
    const running = new Promise<void>((resolve) => (end = resolve));
    shutdown.onStop('loop', () => end());
    const ended = shutdown.until(running);
    host.emit(signal);
    await ended;
    expect(stopped).toEqual(['tasks', 'http']);
    expect(shutdown.cause()).toBe(signal);
    expect(shutdown.signal.aborted).toBe(true);
  });

  test('a fatal error of what runs stops the rest and is what is reported', async () => {
    const { shutdown } = aProcess();
    const stopped: string[] = [];
    shutdown.onStop('http', () => stopped.push('http'));
    const fatal = new OperatorError('the events topic was deleted');
    await expect(shutdown.until(forEver(), Promise.reject(fatal))).rejects.toBe(fatal);
    expect(stopped).toEqual(['http']);
    expect(shutdown.cause()).toBeNull();
  });

  test('an error whose end takes too long is told all the same', async () => {
    const { shutdown, exit, log } = aProcess(10);
    shutdown.onStop('sink', forEver);
    void shutdown.until(Promise.reject(new OperatorError('the disk is full')));
    expect(await exit).toBe(1);
    expect(log()).toMatch(/"waitingFor":"sink".*the disk is full/);
  });

  test('an error while stopping after a signal is reported too', async () => {
    const { host, shutdown } = aProcess();
    let fail: (error: Error) => void = () => undefined;
    const running = new Promise<void>((_, reject) => (fail = reject));
    shutdown.onStop('tasks', () => fail(new Error('the last commit failed')));
    const ended = shutdown.until(running);
    host.emit('SIGTERM');
    await expect(ended).rejects.toThrow('the last commit failed');
  });

  test('a step that fails is logged, and the others run', async () => {
    const { shutdown, log } = aProcess();
    const stopped: string[] = [];
    shutdown.onStop('http', () => stopped.push('http'));
    shutdown.onStop('kafka', () => Promise.reject(new Error('connection lost')));
    await shutdown.stop();
    expect(stopped).toEqual(['http']);
    expect(log()).toContain('"step":"kafka"');
  });

  test('steps run once; one that is registered meanwhile runs too', async () => {
    const { shutdown } = aProcess();
    const stopped: string[] = [];
    shutdown.onStop('first', () => {
      stopped.push('first');
      shutdown.onStop('late', () => stopped.push('late'));
    });
    await Promise.all([shutdown.stop(), shutdown.stop()]);
    await shutdown.stop();
    expect(stopped).toEqual(['first', 'late']);
  });
});

describe('an end that is not orderly', () => {
  test('a second SIGINT ends the process at once with 130', () => {
    const { host, exits } = aProcess();
    host.emit('SIGINT');
    expect(exits).toEqual([]);
    host.emit('SIGINT');
    expect(exits).toEqual([130]);
  });

  test('a second SIGTERM is patient', () => {
    const { host, exits } = aProcess();
    host.emit('SIGTERM');
    host.emit('SIGTERM');
    expect(exits).toEqual([]);
  });

  test('what does not stop in time is named, and the process ends with 1', async () => {
    const { host, shutdown, exit, log } = aProcess(1);
    shutdown.onStop('kafka producer', forEver);
    void shutdown.until();
    host.emit('SIGTERM');
    expect(await exit).toBe(1);
    expect(log()).toContain('"waitingFor":"kafka producer"');
  });

  test('nothing listens any more afterwards', () => {
    const { host, shutdown } = aProcess();
    shutdown.dispose();
    expect(host.eventNames()).toEqual([]);
  });
});

test('exit codes are those of shells', () => {
  expect([exitCodeOf('SIGINT'), exitCodeOf('SIGTERM'), exitCodeOf('SIGHUP'), exitCodeOf('EPIPE')]).toEqual([
    130, 143, 129, 0,
  ]);
});

describe('an error that nobody caught', () => {
  test.each(['uncaughtException', 'unhandledRejection'])('(%s) ends the process with 1', (event) => {
    const { host, logger, exits, log } = aProcess();
    exitOnUncaught({ logger, process: host });
    host.emit(event, new TypeError('x is not a function'));
    expect(exits).toEqual([1]);
    expect(log()).toContain('"error":"TypeError"');
    expect(log()).toContain('shutdown.test.ts');
  });

  test('is logged without its message, which may quote personal data', () => {
    const { host, logger, log } = aProcess();
    exitOnUncaught({ logger, process: host });
    const [error] = [() => JSON.parse('John Smith, +49 30 123456') as unknown].map((parse) => {
      try {
        return parse();
      } catch (thrown) {
        return thrown;
      }
    });
    host.emit('uncaughtException', error);
    expect(log()).toContain('SyntaxError');
    expect(log()).not.toMatch(/John|123456/);
  });

  test('keeps its message where that is made for people or by the system', () => {
    const { host, logger, log } = aProcess();
    exitOnUncaught({ logger, process: host });
    host.emit('uncaughtException', new OperatorError('the disk is full'));
    host.emit('uncaughtException', Object.assign(new Error('connect ECONNREFUSED'), { syscall: 'connect' }));
    host.emit('unhandledRejection', 'John Smith');
    expect(log()).toContain('the disk is full');
    expect(log()).toContain('connect ECONNREFUSED');
    expect(log()).not.toContain('John');
  });
});
