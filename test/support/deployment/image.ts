import { execFile, execFileSync } from 'node:child_process';
import { cpSync, existsSync, lstatSync, mkdirSync, readFileSync } from 'node:fs';
import { basename, join, resolve } from 'node:path';
import { promisify } from 'node:util';
import { packageRoot } from '../../../src/common';
import { readDockerfile, type Stage, type Step } from './dockerfile';

/** What an image would hold, in a folder, and how a container of it would start. */
export interface AssembledImage {
  readonly root: string;
  readonly user: { readonly uid: number; readonly gid: number };
  readonly workdir: string;
  readonly env: Readonly<Record<string, string>>;
  readonly entrypoint: readonly string[];
  readonly cmd: readonly string[];
}

const isRoot = process.getuid?.() === 0;

type State = { -readonly [K in keyof AssembledImage]: AssembledImage[K] };

/**
 * Carries out the steps of the Dockerfile without a container engine, each stage in a folder of its own below `folder`
 * and with this machine's Node.js: COPY takes what .dockerignore lets through, RUN starts in the stage's WORKDIR.
 */
export function imageAssembler(folder: string): (target: string) => Promise<AssembledImage> {
  const stages = readDockerfile(join(packageRoot(), 'Dockerfile'));
  const sent = sentToTheEngine();
  const assembled = new Map<string, Promise<AssembledImage>>();

  const assemble = (name: string): Promise<AssembledImage> => {
    const stage = stages.get(name);
    if (stage === undefined)
      throw new Error(`Dockerfile: no stage ${name}; there are ${[...stages.keys()].join(', ')}`);
    const known = assembled.get(name) ?? carryOut(stage);
    assembled.set(name, known);
    return known;
  };

  const carryOut = async (stage: Stage): Promise<AssembledImage> => {
    const root = join(folder, stage.name);
    mkdirSync(root, { recursive: true });
    const state: State = stage.from === null ? empty(root) : { ...(await assemble(stage.from)), root };
    if (stage.from !== null) link(join(folder, stage.from), root);
    for (const step of stage.steps) await apply(step, state);
    return state;
  };

  const apply = async (step: Step, state: State): Promise<void> => {
    const { root, workdir } = state;
    switch (step.kind) {
      case 'copy': {
        const from = step.from === null ? null : (await assemble(step.from)).root;
        for (const source of step.sources) {
          if (from === null && !sent.has(source)) throw new Error(`.dockerignore keeps ${source} away from COPY`);
          const to = join(root, resolve('/', workdir, step.to, step.to.endsWith('/') ? basename(source) : ''));
          if (from === null) cpSync(join(packageRoot(), source), to, { recursive: true });
          else link(join(from, source), to);
        }
        return;
      }
      case 'run':
        // Who is not root owns everything here, and starts the program as well.
        if (!isRoot && step.command.startsWith('chown ')) return;
        if (/(^|[\s"'=])\//.test(step.command))
          throw new Error(`RUN ${step.command}: an absolute path would be this machine's`);
        await promisify(execFile)('sh', ['-ec', step.command], {
          cwd: join(root, workdir),
          env: { ...process.env, ...state.env },
          maxBuffer: 64 * 1024 * 1024,
        });
        return;
      case 'workdir':
        state.workdir = resolve('/', workdir, step.path);
        mkdirSync(join(root, state.workdir), { recursive: true });
        return;
      case 'env':
        state.env = { ...state.env, ...step.variables };
        return;
      case 'user':
        state.user = { uid: step.uid, gid: step.gid };
        return;
      case 'entrypoint':
        state.entrypoint = step.words;
        return;
      case 'cmd':
        state.cmd = step.words;
        return;
      case 'note':
        return;
    }
  };

  return assemble;
}

/** From stage to stage: no step changes a file in place. `to` may be there, as a folder. */
function link(from: string, to: string): void {
  if (lstatSync(from).isDirectory()) mkdirSync(to, { recursive: true });
  execFileSync('cp', ['--archive', '--link', '--no-target-directory', from, to]);
}

function empty(root: string): State {
  return { root, user: { uid: 0, gid: 0 }, workdir: '/', env: {}, entrypoint: [], cmd: [] };
}

/** .dockerignore is a list of what is sent: `*`, and an exception for each thing. */
function sentToTheEngine(): ReadonlySet<string> {
  const lines = readFileSync(join(packageRoot(), '.dockerignore'), 'utf8')
    .split('\n')
    .filter((line) => line !== '' && !line.startsWith('#'));
  if (lines[0] !== '*') throw new Error('.dockerignore: begins without *, so everything would be sent');
  return new Set(lines.slice(1).map((line) => line.replace(/^!/, '')));
}

export interface ContainerCommand {
  readonly program: string;
  readonly args: readonly string[];
  readonly cwd: string;
  readonly env: Readonly<Record<string, string>>;
}

/**
 * How a container of the image would start, as a process of this machine: what names a place in the image is that
 * place's path here. As root, it runs as the image's user and cannot become another.
 */
export function containerCommand(
  image: AssembledImage,
  args: readonly string[] = image.cmd,
  env: Readonly<Record<string, string>> = {},
): ContainerCommand {
  const here = (word: string) =>
    word.startsWith('/') && existsSync(join(image.root, word)) ? join(image.root, word) : word;
  const [program = '', ...words] = [...image.entrypoint.map(here), ...args];
  const { uid, gid } = image.user;
  const unprivileged = isRoot
    ? [
        'setpriv',
        `--reuid=${uid}`,
        `--regid=${gid}`,
        '--clear-groups',
        '--no-new-privs',
        '--inh-caps=-all',
        '--bounding-set=-all',
      ]
    : ['env'];
  const [first = '', ...rest] = [...unprivileged, program, ...words];
  const own = Object.fromEntries(Object.entries(image.env).map(([name, value]) => [name, here(value)]));
  return {
    program: first,
    args: rest,
    cwd: join(image.root, image.workdir),
    env: { PATH: process.env['PATH'] ?? '', ...own, ...env },
  };
}
