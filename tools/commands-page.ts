import type { Command } from 'commander';
import { createProgram } from '../src/cli/program';

const INTRODUCTION = `# Commands

\`npm run docs\` writes this page from \`src/cli/program.ts\`; do not edit it.

\`queuefold\` is the package's command. In a checkout, \`npx queuefold …\` and \`npm run queuefold -- …\` run it.
Results go to stdout; logs and progress go to stderr. Logs are JSON lines, and readable text on a terminal.
\`NO_COLOR\` switches colors off.

| exit code | means |
|---|---|
| 0 | done; also: SIGINT or SIGTERM ended a command that runs until you stop it (a role, \`start\`, \`simulate\`, \`record\`) |
| 1 | failed |
| 2 | wrong usage or configuration; the message names the flag or setting and what is allowed |
| 130, 143 | SIGINT or SIGTERM ended another command, or \`bridge --events\` without other sources, before it was done |
`;

/** docs/reference/commands.md: what `--help` prints of every command. */
export function commandsPage(): string {
  const program = createProgram(() => Promise.resolve());
  const commands = program.commands.filter((command) => command.name() !== 'help');
  const list = commands.map((one) => `| [\`${one.name()}\`](#${one.name()}) | ${one.description()} |`).join('\n');
  const table = `| command | does |\n|---|---|\n${list}\n`;
  const sections = commands.map((one) => `## ${one.name()}\n\n\`\`\`text\n${helpOf(one)}\n\`\`\`\n`);
  return [INTRODUCTION, table, `## Every command\n\n\`\`\`text\n${helpOf(program)}\n\`\`\`\n`, ...sections].join('\n');
}

/** With the examples, at a fixed width, so that the page does not depend on the terminal. */
function helpOf(command: Command): string {
  let text = '';
  command.configureOutput({
    writeOut: (part) => void (text += part),
    getOutHelpWidth: () => 110,
    getOutHasColors: () => false,
  });
  command.outputHelp();
  return text.trim();
}
