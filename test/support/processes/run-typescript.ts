import { spawn, type ChildProcess } from 'node:child_process';
import { createInterface } from 'node:readline';

/** Makes a plain node load the sources as jest does, for tests that need a separate process to kill. */
export const WITH_TYPESCRIPT = `
require.extensions['.ts'] = (module, file) => module._compile(require('@swc/core').transformFileSync(file, {
  jsc: { parser: { syntax: 'typescript' }, target: 'es2022' }, module: { type: 'commonjs' },
}).code, file);
require(process.argv[1]);
`;

export interface TypeScriptProcess {
  readonly process: ChildProcess;
  /** The first line that it prints. If it ends before, rejects with its stderr. */
  readonly firstLine: Promise<string>;
  readonly exited: Promise<{ code: number | null; signal: NodeJS.Signals | null }>;
}

/** Runs a TypeScript file in a process of its own. */
export function runTypeScript(
  file: string,
  args: readonly string[],
  env: NodeJS.ProcessEnv = process.env,
): TypeScriptProcess {
  const child = spawn(process.execPath, ['-e', WITH_TYPESCRIPT, file, ...args], {
    env,
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let problems = '';
  child.stderr.on('data', (text: Buffer) => (problems += text.toString()));
  const exited = new Promise<{ code: number | null; signal: NodeJS.Signals | null }>((resolve) =>
    child.once('close', (code, signal) => resolve({ code, signal })),
  );
  const firstLine = new Promise<string>((resolve, reject) => {
    createInterface({ input: child.stdout }).once('line', resolve);
    void exited.then(() => reject(new Error(problems)));
  });
  return { process: child, firstLine, exited };
}
