import { readFileSync } from 'node:fs';
import { Copy, DockerfileParser, type Instruction } from 'dockerfile-ast';

/** One build stage: what it begins with, and its steps in their order. */
export interface Stage {
  readonly name: string;
  /** The stage that it goes on from; null: an image of somebody else. */
  readonly from: string | null;
  readonly steps: readonly Step[];
}

export type Step =
  | { readonly kind: 'copy'; readonly from: string | null; readonly sources: readonly string[]; readonly to: string }
  | { readonly kind: 'run'; readonly command: string }
  | { readonly kind: 'workdir'; readonly path: string }
  | { readonly kind: 'env'; readonly variables: Readonly<Record<string, string>> }
  | { readonly kind: 'user'; readonly uid: number; readonly gid: number }
  | { readonly kind: 'entrypoint'; readonly words: readonly string[] }
  | { readonly kind: 'cmd'; readonly words: readonly string[] }
  /** What changes no file and starts nothing. */
  | { readonly kind: 'note' };

/** The stages of a Dockerfile, by name. Throws at whatever a container engine would do and this reader does not know. */
export function readDockerfile(path: string): ReadonlyMap<string, Stage> {
  const stages = new Map<string, { name: string; from: string | null; steps: Step[] }>();
  let current: { steps: Step[] } | undefined;
  for (const instruction of DockerfileParser.parse(readFileSync(path, 'utf8')).getInstructions()) {
    const words = instruction.getArguments().map((word) => word.getValue());
    if (instruction.getKeyword() === 'FROM') {
      const [image = '', as = '', name = ''] = words;
      if (as.toUpperCase() !== 'AS' || words.length !== 3) throw unknown(instruction);
      const stage = { name, from: stages.has(image) ? image : null, steps: [] };
      stages.set(name, stage);
      current = stage;
    } else if (current !== undefined) {
      current.steps.push(stepOf(instruction, words));
    } else if (instruction.getKeyword() !== 'ARG') {
      throw unknown(instruction);
    }
  }
  return stages;
}

function stepOf(instruction: Instruction, words: readonly string[]): Step {
  switch (instruction.getKeyword()) {
    case 'COPY':
      return copyOf(instruction, words);
    case 'RUN':
      return { kind: 'run', command: instruction.getArgumentsContent() ?? '' };
    case 'WORKDIR':
      return { kind: 'workdir', path: words[0] ?? '' };
    case 'ENV':
      return { kind: 'env', variables: Object.fromEntries(words.map((word) => splitAt(word, '='))) };
    case 'USER': {
      const [uid, gid] = splitAt(words[0] ?? '', ':').map(Number);
      if (!Number.isInteger(uid) || !Number.isInteger(gid)) throw unknown(instruction);
      return { kind: 'user', uid: uid ?? 0, gid: gid ?? 0 };
    }
    case 'ENTRYPOINT':
      return { kind: 'entrypoint', words: JSON.parse(instruction.getArgumentsContent() ?? '') as string[] };
    case 'CMD':
      return { kind: 'cmd', words: JSON.parse(instruction.getArgumentsContent() ?? '') as string[] };
    case 'EXPOSE':
    case 'VOLUME':
      return { kind: 'note' };
    default:
      throw unknown(instruction);
  }
}

function copyOf(instruction: Instruction, paths: readonly string[]): Step {
  const flags = instruction instanceof Copy ? instruction.getFlags() : [];
  const from = flags.find((flag) => flag.getName() === 'from')?.getValue() ?? null;
  if (flags.length > (from === null ? 0 : 1)) throw unknown(instruction);
  return { kind: 'copy', from, sources: paths.slice(0, -1), to: paths.at(-1) ?? '' };
}

function splitAt(text: string, separator: string): [string, string] {
  const at = text.indexOf(separator);
  return [text.slice(0, at), text.slice(at + 1)];
}

function unknown(instruction: Instruction): Error {
  return new Error(
    `Dockerfile, line ${instruction.getRange().start.line + 1}: not understood here: ${instruction.toString()}`,
  );
}
