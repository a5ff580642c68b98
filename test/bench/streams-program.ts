import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { cpSync, mkdirSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { packageRoot } from '../../src/common';
import { createLocalSchemas, createRowCodec, type TopicNames } from '../../src/log';
import type { Program } from './programs';

const SOURCES = join(packageRoot(), 'test', 'bench', 'streams');
/** Magic byte and schema id in front of a row. */
const FRAME = 5;
const ANY_ROW = {
  ...{ conversation_id: '', db_last_updated: 0, db_when_created: 0, connected_time: 0, queue_id: '', session_id: null },
  ...{ media_type: null, purpose: null, state: null, direction: null, participant_id: null, user_id: null, ani: null },
  ...{ dnis: null, provider: null, subject: null, message_type: null, message_status: null, routing_skill_id: null },
  ...{ disconnect_type: null, acw_state: null, communication_id: null, queue_connected_time: 0, waiting: false },
};

export interface StreamsOptions {
  readonly brokers: readonly string[];
  readonly topics: TopicNames;
  readonly threads: number;
  readonly commitMs: number;
  /** For RocksDB. */
  readonly stateDir: string;
}

/** Whether this machine has a JDK and Maven, and is Linux, which shows the figures of processes. */
export function canBuildStreams(): boolean {
  const has = (program: string): boolean => spawnSync(program, ['-version']).status === 0;
  return process.platform === 'linux' && has('javac') && has('mvn');
}

/**
 * Compiles the plain Kafka Streams program of test/bench/streams. Answers how to start it.
 * @throws Error with the output of Maven or the compiler, which need a JDK 17 and Maven
 */
export async function buildStreams(folder: string): Promise<(options: StreamsOptions) => Program> {
  const built = join(folder, 'streams');
  const classes = join(built, 'classes');
  mkdirSync(classes, { recursive: true });
  cpSync(SOURCES, built, { recursive: true });
  run('mvn', ['--quiet', '--batch-mode', 'dependency:copy-dependencies'], built);
  const jars = join(built, 'target', 'dependency', '*');
  const sources = readdirSync(built).filter((file) => file.endsWith('.java'));
  run('javac', ['-d', classes, '-cp', jars, ...sources], built);

  const topics: Parameters<typeof createRowCodec>[1] = { state: 'any' } as TopicNames;
  const frame = (await createRowCodec(createLocalSchemas(), topics)).encode(ANY_ROW).subarray(0, FRAME).toString('hex');
  return ({ brokers, topics: names, threads, commitMs, stateDir }) => {
    const args = [
      brokers.join(','),
      names.foldGroup,
      names.events,
      names.state,
      join(packageRoot(), 'schemas', 'avro'),
    ];
    const child = spawn(
      'java',
      ['-cp', `${classes}:${jars}`, 'StreamsFold', ...args, frame, String(threads), String(commitMs), stateDir],
      { stdio: ['pipe', 'pipe', 'inherit'] },
    );
    const exited = once(child, 'exit');
    const ready = Promise.race([
      (async () => {
        for await (const line of createInterface({ input: child.stdout })) if (line === 'ready') return;
      })(),
      exited.then(() => Promise.reject(new Error('the Kafka Streams program ended by itself'))),
    ]);
    ready.catch(() => undefined);
    return {
      pid: child.pid ?? 0,
      ready,
      async end() {
        child.stdin.end();
        const timer = setTimeout(() => child.kill('SIGKILL'), 15_000);
        await exited;
        clearTimeout(timer);
      },
    };
  };
}

function run(program: string, args: readonly string[], cwd: string): void {
  const { status, error, stdout, stderr } = spawnSync(program, args, { cwd, encoding: 'utf8' });
  if (status !== 0) throw new Error(`${program} ${args.join(' ')}: ${error?.message ?? `${stdout}${stderr}`}`);
}
