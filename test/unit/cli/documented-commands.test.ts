import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from '@jest/globals';
import { CommanderError } from 'commander';
import { createProgram } from '../../../src/cli/program';
import { packageRoot } from '../../../src/common';
import { codeBlocks, codeSpans, documents, documentText } from '../../support/files/documents';
import { shellCommands } from '../../support/files/shell';

const { scripts } = JSON.parse(readFileSync(join(packageRoot(), 'package.json'), 'utf8')) as {
  scripts: Readonly<Record<string, string>>;
};

/** Parsed by the program itself, and not run. Null: it is one that the program takes. */
async function refusal(args: readonly string[]): Promise<CommanderError | null> {
  const program = createProgram(() => Promise.resolve());
  const silent = { writeOut: () => undefined, writeErr: () => undefined };
  for (const command of [program, ...program.commands]) command.configureOutput(silent);
  try {
    await program.parseAsync([...args], { from: 'user' });
    return null;
  } catch (error) {
    if (!(error instanceof CommanderError)) throw error;
    return error.exitCode === 0 ? null : error;
  }
}

/** What is wrong with a command; null: nothing, or it is of another program. */
async function problemOf(words: readonly string[]): Promise<string | null> {
  const [program, ...args] = words[0] === 'npx' ? words.slice(1) : words;
  if (program === 'docker' && args[0] === 'exec') return problemOf(args.slice(2));
  if (program === 'queuefold') return (await refusal(args))?.message ?? null;
  if (program !== 'npm') return null;
  const [verb = '', ...rest] = args.filter((arg) => arg !== '--silent');
  const passedOn = args.includes('--') ? args.slice(args.indexOf('--') + 1) : [];
  if (verb === 'start') return problemOf(['queuefold', 'start', ...passedOn]);
  const [name = ''] = verb === 'run' ? rest : ['test'];
  if (!(name in scripts)) return `package.json has no script ${name}`;
  return name === 'queuefold' ? problemOf(['queuefold', ...passedOn]) : null;
}

const problemsOf = async (commands: readonly (readonly string[])[]): Promise<readonly string[]> => {
  const problems = await Promise.all(commands.map(async (words) => [words.join(' '), await problemOf(words)] as const));
  return problems.flatMap(([command, problem]) => (problem === null ? [] : [`${command}: ${problem}`]));
};

describe('commands in the documents', () => {
  test.each(documents())('%s has none in its blocks that the program does not take', async (path) => {
    const blocks = codeBlocks(documentText(path)).filter(({ language }) => language === 'sh');
    expect(await problemsOf(blocks.flatMap(({ text }) => shellCommands(text)))).toEqual([]);
  });

  test.each(documents())('%s names none in its text that the program does not have', async (path) => {
    // … stands for any of them.
    const named = codeSpans(documentText(path))
      .filter((code) => /^(?:npx queuefold|queuefold|npm run) [a-z-]/.test(code))
      .filter((code) => !/queuefold (?:-- )?…/.test(code));
    const problems = await problemsOf(named.map((code) => shellCommands(code)[0] ?? []));
    // In a sentence a command may stand without its arguments.
    expect(problems.filter((problem) => !/missing required argument/.test(problem))).toEqual([]);
  });

  test('every block says what it is', () => {
    const unnamed = documents().filter((path) =>
      codeBlocks(documentText(path)).some(({ language }) => language === ''),
    );
    expect(unnamed).toEqual([]);
  });

  test('what is wrong is found', async () => {
    const text = `
      export A=b && X=1 npx queuefold replay --no-such-flag file   # a comment's quote
      cat >values <<'END'
      queuefold nonsense
      END
      npx queuefold record --out - | npx queuefold replya - --print records
      npm run nothing &  npm start -- --log paper
      docker exec live queuefold query 'SELECT 1; SELECT 2' >out 2>&1`.replace(/^ {6}/gm, '');
    const problems = await problemsOf(shellCommands(text));
    expect(problems.map((problem) => problem.replace(/\n.*/s, ''))).toEqual([
      expect.stringContaining("unknown option '--no-such-flag'"),
      expect.stringContaining("unknown command 'replya'"),
      expect.stringContaining('no script nothing'),
      expect.stringContaining("argument 'paper' is invalid"),
    ]);
  });
});
