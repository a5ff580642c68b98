import { execFile } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { packageRoot } from '../../../src/common';

/** The result of a finished command. */
export interface Outcome {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** A way to call an engine on this machine, and to remove its leftovers. */
interface Way {
  readonly name: string;
  readonly program: 'podman' | 'docker';
  /** Before every command. */
  readonly args: readonly string[];
  readonly env: Readonly<Record<string, string>>;
}

const BASE = 'localhost/queuefold-test-base';
const PATH = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin';
/**
 * Podman or Docker. It builds and runs this project's images without a registry of images: the base is made from this
 * machine's own Node.js. Podman keeps everything in a temporary folder, Docker in its own; `dispose` removes it.
 */
export class ContainerEngine {
  readonly name: string;
  readonly #way: Way;
  readonly #folder: string;
  readonly #images = [BASE];
  readonly #containers: string[] = [];

  /** @param folder of this engine alone; `dispose` removes it */
  private constructor(way: Way, folder: string) {
    this.name = way.name;
    this.#way = way;
    this.#folder = folder;
  }

  /**
   * The first engine that can really run a container here. If there is none, the reasons: a sentence for each attempt.
   */
  static async find(): Promise<ContainerEngine | readonly string[]> {
    const folder = mkdtempSync(join(tmpdir(), 'queuefold-engine-'));
    const base = join(folder, 'base.tar');
    const problems: string[] = [];
    try {
      await promisify(execFile)('bash', ['-c', '"$0" >"$1"', join(__dirname, 'base-image'), base]);
    } catch (error) {
      rmSync(folder, { recursive: true });
      return [`the base image cannot be made here: ${lastLine((error as Outcome).stderr) || String(error)}`];
    }
    for (const way of await ways(folder)) {
      const engine = new ContainerEngine(way, folder);
      const imported = await engine.command(['import', `--change=ENV PATH=${PATH}`, base, BASE]);
      const ran = imported.code === 0 ? await engine.run(BASE, [], ['node', '--version']) : imported;
      if (ran.code === 0) return engine;
      problems.push(`${way.name}: ${lastLine(ran.stderr)}`);
      await engine.#clear();
    }
    rmSync(folder, { recursive: true, force: true });
    return problems;
  }

  /** Builds a target of the Dockerfile and returns the image's name. Throws the engine's output. */
  async build(target: string, buildArgs: Readonly<Record<string, string>>): Promise<string> {
    const image = `localhost/queuefold-test-${target}`;
    const args = Object.entries({ NODE_IMAGE: BASE, ...buildArgs }).map(
      ([key, value]) => `--build-arg=${key}=${value}`,
    );
    const build = ['build', '--network=host', `--target=${target}`, ...args, '--tag', image, packageRoot()];
    this.#images.push(image);
    await this.#succeed(build);
    return image;
  }

  /**
   * Options of a container with no rights beyond its work. It has no writable folder either, which Podman would
   * otherwise mount.
   */
  get confined(): readonly string[] {
    const confined = ['--read-only', '--cap-drop=all', '--security-opt=no-new-privileges'];
    return this.#way.program === 'podman' ? [...confined, '--read-only-tmpfs=false'] : confined;
  }

  /** Runs a container without a network until it ends. */
  run(image: string, options: readonly string[], args: readonly string[]): Promise<Outcome> {
    return this.command(['run', '--rm', '--network=none', ...options, image, ...args]);
  }

  /** Starts a container that keeps running. */
  async start(image: string, options: readonly string[], args: readonly string[]): Promise<Container> {
    const name = `queuefold-test-${process.pid}-${this.#containers.length}`;
    this.#containers.push(name);
    await this.#succeed(['run', '--detach', '--name', name, ...options, image, ...args]);
    return {
      name,
      exec: (command) => this.command(['exec', name, ...command]),
      logs: async () => Object.values(await this.command(['logs', name])).join('\n'),
      stop: async () => {
        await this.#succeed(['stop', '--time=30', name]);
        return this.#exitCode(name);
      },
      kill: async () => {
        await this.#succeed(['kill', name]);
        await this.command(['wait', name]);
        return this.#exitCode(name);
      },
      startAgain: async () => {
        await this.#succeed(['start', name]);
      },
    };
  }

  async inspect(image: string, format: string): Promise<string> {
    return (await this.#succeed(['inspect', '--format', format, image])).stdout.trim();
  }

  async dispose(): Promise<void> {
    await this.#clear();
    rmSync(this.#folder, { recursive: true, force: true });
  }

  async command(args: readonly string[]): Promise<Outcome> {
    const { program, env } = this.#way;
    const options = { env: { ...process.env, ...env }, maxBuffer: 64 * 1024 * 1024 };
    try {
      return { code: 0, ...(await promisify(execFile)(program, [...this.#way.args, ...args], options)) };
    } catch (error) {
      const { code, stdout = '', stderr } = error as Partial<Outcome>;
      // The program did not start: the code is a word, e.g. ENOENT.
      return { code: Number(code) || 1, stdout, stderr: stderr || String(error) };
    }
  }

  async #succeed(args: readonly string[]): Promise<Outcome> {
    const outcome = await this.command(args);
    if (outcome.code === 0) return outcome;
    throw new Error(`${this.#way.program} ${args.join(' ')}: ${outcome.code}\n${outcome.stdout}${outcome.stderr}`);
  }

  async #exitCode(container: string): Promise<number> {
    return Number(await this.inspect(container, '{{.State.ExitCode}}'));
  }

  async #clear(): Promise<void> {
    if (this.#containers.length > 0) await this.command(['rm', '--force', '--volumes', ...this.#containers]);
    if (this.#way.program === 'docker') {
      await this.command(['rmi', '--force', ...this.#images]);
      return;
    }
    // Everything in its storage belongs to this engine alone.
    await this.command(['rmi', '--all', '--force']);
    const storage = join(this.#folder, 'storage');
    const rootless = process.getuid?.() !== 0;
    await promisify(execFile)('umount', [join(storage, 'overlay')]).catch(() => undefined);
    if (rootless) await this.command(['unshare', 'rm', '-rf', storage]);
    else rmSync(storage, { recursive: true, force: true });
  }
}

export interface Container {
  readonly name: string;
  exec(command: readonly string[]): Promise<Outcome>;
  logs(): Promise<string>;
  /** Sends SIGTERM, then SIGKILL after 30 s; returns the exit code. */
  stop(): Promise<number>;
  /** Sends SIGKILL; returns the exit code. */
  kill(): Promise<number>;
  startAgain(): Promise<void>;
}

async function ways(folder: string): Promise<readonly Way[]> {
  const storage = join(folder, 'storage');
  const args = [`--root=${storage}`, `--runroot=${join(folder, 'run')}`];
  const modest = join(folder, 'containers.conf');
  mkdirSync(folder, { recursive: true });
  writeFileSync(modest, await modestConfiguration());
  return [
    { name: 'podman', program: 'podman', args, env: {} },
    { name: 'podman with runc', program: 'podman', args, env: { CONTAINERS_CONF: modest } },
    { name: 'docker', program: 'docker', args: [], env: { DOCKER_BUILDKIT: '1' } },
  ];
}

/** For machines without systemd, or whose users may not raise limits. */
async function modestConfiguration(): Promise<string> {
  const { stdout } = await promisify(execFile)('bash', ['-c', 'ulimit -Hn']);
  const files = /^\d+$/.test(stdout.trim()) ? stdout.trim() : '65536';
  return `[containers]
default_ulimits = ["nofile=${files}:${files}", "nproc=4096:4096"]
[engine]
runtime = "runc"
cgroup_manager = "cgroupfs"
events_logger = "file"
`;
}

function lastLine(text: string): string {
  return text.trim().split('\n').at(-1) ?? '';
}
