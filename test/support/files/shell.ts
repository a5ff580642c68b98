/** The commands of a shell text as words, without leading assignments, redirections, comments and here-documents. */
export function shellCommands(text: string): readonly (readonly string[])[] {
  const source = text.replace(/\\\n/g, ' ').replace(/<<'?(\w+)'?([^\n]*)\n[\s\S]*?^\1$/gm, '$2');
  const commands: string[][] = [[]];
  for (const token of tokens(source)) {
    if (token === END) commands.push([]);
    else commands.at(-1)?.push(token);
  }
  return commands.map(withoutAssignments).filter((words) => words.length > 0);
}

const END = '\n';
/** A word consists of quoted parts, substitutions and other characters. */
const WORD = /(?:'[^']*'|"(?:\\.|[^"\\])*"|\$\((?:[^()]|\([^()]*\))*\)|\\.|[^\s'"\\|&;<>()])+/y;

function* tokens(source: string): Generator<string> {
  let at = 0;
  let redirected = false;
  while (at < source.length) {
    const rest = source.slice(at);
    const [skipped] = /^(?:[^\S\n]+|#[^\n]*)/.exec(rest) ?? [];
    if (skipped !== undefined) {
      at += skipped.length;
      continue;
    }
    WORD.lastIndex = at;
    const [word] = WORD.exec(source) ?? [];
    if (word !== undefined) {
      if (!redirected) yield unquoted(word);
      redirected = false;
      at += word.length;
      continue;
    }
    redirected = /^[<>]/.test(rest);
    if (!redirected) yield END;
    at += 1;
  }
}

function unquoted(word: string): string {
  return word.replace(
    /'([^']*)'|"((?:\\.|[^"\\])*)"|\\(.)/g,
    (_, single?: string, double?: string, escaped?: string) => single ?? double ?? escaped ?? '',
  );
}

function withoutAssignments(words: readonly string[]): readonly string[] {
  const first = words.findIndex((word) => !/^\w+=/.test(word));
  return first === -1 ? [] : words.slice(first);
}
