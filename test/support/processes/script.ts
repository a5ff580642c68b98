import { Command, InvalidArgumentError, Option } from 'commander';
import { messageOf, OperatorError } from '../../../src/common';

/**
 * A script that `npm run` starts: its flags, `--help`, and for a wrong flag a message with the flag, the value and the
 * remedy (exit code 2).
 * @param name as in package.json
 * @param does what it does, in a sentence or two
 */
export function script(name: string, does: string): Command {
  return new Command(`npm run ${name} --`)
    .description(does)
    .allowExcessArguments(false)
    .helpOption('--help', 'prints this help')
    .configureOutput({ outputError: (message, write) => write(message.replace(/^error: /, `${name}: `)) })
    .showHelpAfterError(`Run \`npm run ${name} -- --help\` to see what is allowed.`)
    .exitOverride(({ exitCode }) => process.exit(exitCode === 0 ? 0 : 2));
}

/** Reads the value of a flag. */
export function numberFlag(text: string): number {
  const number = Number(text);
  if (text.trim() === '' || !Number.isFinite(number) || number < 0)
    throw new InvalidArgumentError('Give a number of 0 or more.');
  return number;
}

/** `--seed`, by default another one each time. */
export function seedFlag(): Option {
  return new Option('--seed <n>', 'the same number gives the same run')
    .argParser(numberFlag)
    .default(Date.now() % 2 ** 31, 'another one each time');
}

/** Prints a line of progress on stderr, with the seconds since the script began. */
export function createSay(): (text: string) => void {
  const started = Date.now();
  return (text) => {
    process.stderr.write(`${((Date.now() - started) / 1_000).toFixed(1).padStart(7)} s  ${text}\n`);
  };
}

/** An error ends the process with 1: with its message if it was written for people, otherwise with its stack. */
export function runScript(main: () => Promise<void>): void {
  main().catch((error: unknown) => {
    const stack = error instanceof Error && !(error instanceof OperatorError) ? error.stack : undefined;
    process.stderr.write(`${stack ?? messageOf(error)}\n`);
    process.exit(1);
  });
}
