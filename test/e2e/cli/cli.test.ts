import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from '@jest/globals';

const BIN = join(__dirname, '..', '..', '..', 'bin', 'queuefold.js');
const VERSION = (
  JSON.parse(readFileSync(join(__dirname, '..', '..', '..', 'package.json'), 'utf8')) as { version: string }
).version;

const folder = mkdtempSync(join(tmpdir(), 'queuefold-cli-'));
afterAll(() => rmSync(folder, { recursive: true }));

interface Ended {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** The command with nothing in its environment but what is given. */
function start(args: readonly string[], env: Readonly<Record<string, string>> = {}) {
  const child = spawn(process.execPath, [BIN, ...args], {
    env: { PATH: process.env['PATH'], ...env },
    cwd: folder,
    stdio: 'pipe',
  });
  let [stdout, stderr] = ['', ''];
  child.stdout.setEncoding('utf8').on('data', (text: string) => (stdout += text));
  child.stderr.setEncoding('utf8').on('data', (text: string) => (stderr += text));
  const ended = once(child, 'close').then(([code]): Ended => ({ code: code as number | null, stdout, stderr }));
  /** Resolves when stderr contains the text; rejects when the process ends before. */
  const says = (text: string) =>
    new Promise<void>((resolve, reject) => {
      const look = () => {
        if (stderr.includes(text)) resolve();
      };
      child.stderr.on('data', look);
      look();
      void ended.then(({ code }) => reject(new Error(`ended with ${code ?? 'a signal'}: ${stderr}`)));
    });
  return { child, ended, says };
}

function run(args: readonly string[], env: Readonly<Record<string, string>> = {}): Promise<Ended> {
  const { child, ended } = start(args, env);
  child.stdin.end();
  return ended;
}

describe('what people expect of every command line', () => {
  test('--version is the version of the package', async () => {
    expect(await run(['--version'])).toEqual({ code: 0, stdout: `${VERSION}\n`, stderr: '' });
  });

  test('--help lists the commands, on stdout', async () => {
    const { code, stdout, stderr } = await run(['--help']);
    expect([code, stderr]).toEqual([0, '']);
    expect(stdout).toMatch(/^ {2}config /m);
    expect(stdout).toMatch(/^ {2}replay /m);
    expect(stdout.split('\n').filter((line) => line.length > 80)).toEqual([]);
  });

  test('help that nobody reads to its end is no error', async () => {
    const { child, ended } = start(['replay', '--help']);
    child.stdout.destroy();
    expect(await ended).toEqual({ code: 0, stdout: '', stderr: '' });
  });

  test('COMMAND --help has its flags, the global ones and examples', async () => {
    const { code, stdout } = await run(['config', '--help']);
    expect(code).toBe(0);
    for (const text of ['--json', '--config <file>', '--quiet', 'Examples:', '$ queuefold config'])
      expect(stdout).toContain(text);
  });

  test.each([
    [['--qiet', 'config'], "unknown option '--qiet'", 'Did you mean --quiet?'],
    [['config', '--jsn'], "unknown option '--jsn'", 'Did you mean --json?'],
    [['confg'], "unknown command 'confg'", 'Did you mean config?'],
    [['config', 'extra'], 'too many arguments', 'queuefold config --help'],
    [['config', '--config'], 'argument missing', 'queuefold --help'],
    [['replay', '--print', 'all', 'x'], 'Allowed choices are', 'queuefold replay --help'],
    [['replay'], "missing required argument 'file'", 'queuefold replay --help'],
  ])('%j is wrong usage: exit code 2, and what was meant', async (args, problem, hint) => {
    const { code, stdout, stderr } = await run(args);
    expect([code, stdout]).toEqual([2, '']);
    expect(stderr).toMatch(/^queuefold: /);
    expect(stderr).toContain(problem);
    expect(stderr).toContain(hint);
  });

  test('no command at all is wrong usage, with the help on stderr', async () => {
    const { code, stdout, stderr } = await run([]);
    expect([code, stdout]).toEqual([2, '']);
    expect(stderr).toContain('Usage: queuefold');
  });
});

describe('a bad configuration', () => {
  test('ends with 2 and one line a problem, naming the variables, without a stack', async () => {
    const { code, stdout, stderr } = await run(['config'], { PARTITIONS: 'many', PRIVACY_MASK: 'ani' });
    expect([code, stdout]).toEqual([2, '']);
    expect(stderr).toBe(
      'queuefold: 2 problems with the configuration:\n' +
        '  PARTITIONS: "many" is not a whole number (environment PARTITIONS); allowed: a whole number from 1 to 10000\n' +
        '  PRIVACY_MASK: needs PRIVACY_KEY, which is not set\n',
    );
  });

  test('has a stack with --debug', async () => {
    const { code, stderr } = await run(['config', '--debug'], { PARTITIONS: 'many' });
    expect(code).toBe(2);
    expect(stderr).toMatch(/^ {4}at /m);
  });

  test('of a file names the file', async () => {
    writeFileSync(join(folder, 'bad.yaml'), 'PARTITION: 3\n');
    const { code, stderr } = await run(['--config', 'bad.yaml', 'config']);
    expect(code).toBe(2);
    expect(stderr).toContain('config file bad.yaml');
    expect(stderr).toContain('did you mean PARTITIONS?');
  });
});

describe('queuefold config', () => {
  test('prints each setting and where it came from, secrets masked', async () => {
    writeFileSync(join(folder, 'good.yaml'), 'TOPIC_PREFIX: acme\n');
    writeFileSync(join(folder, 'password'), 'hunter2\n');
    const env = { KAFKA_BROKERS: 'a:9092', CLICKHOUSE_PASSWORD_FILE: 'password', QUEUEFOLD_CONFIG: 'good.yaml' };
    const { code, stdout, stderr } = await run(['config'], env);
    expect([code, stderr]).toEqual([0, '']);
    expect(stdout).toMatch(/^KAFKA_BROKERS +a:9092 +environment KAFKA_BROKERS$/m);
    expect(stdout).toMatch(/^CLICKHOUSE_PASSWORD +\*{8} +file password \(CLICKHOUSE_PASSWORD_FILE\)$/m);
    expect(stdout).toMatch(/^TOPIC_PREFIX +acme +config file good.yaml$/m);
    expect(stdout).toMatch(/^PARTITIONS +12 +default$/m);
  });

  test('--json is one object a line', async () => {
    const { stdout } = await run(['config', '--json'], { PRIVACY_KEY: 'hunter2, and so on for 32 bytes, or so' });
    const settings = stdout
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as { key: string; value: string | null });
    expect(settings).toContainEqual(expect.objectContaining({ key: 'PRIVACY_KEY', value: '********' }));
    expect(settings).toContainEqual(expect.objectContaining({ key: 'KAFKA_BROKERS', value: null }));
  });

  test('ends quietly when nobody reads its output', async () => {
    const { child, ended } = start(['config']);
    child.stdout.destroy();
    const { code, stderr } = await ended;
    expect([code, stderr]).toEqual([0, '']);
  });
});

describe('a command that is asked to stop', () => {
  test.each([
    ['SIGINT', 130],
    ['SIGTERM', 143],
  ] as const)('by %s ends with %d, even while it waits for input', async (signal, expected) => {
    const { child, ended, says } = start(['replay', '-', '--debug']);
    await says('"msg":"started"');
    child.kill(signal);
    expect((await ended).code).toBe(expected);
  });
});
