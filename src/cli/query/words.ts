import { UsageError } from '../../common';

export interface Words {
  readonly sql: string | undefined;
  /** Values of `{name:Type}`. */
  readonly params: Readonly<Record<string, string>>;
}

/** A statement may begin with two hyphens, too: `-- a comment`. */
const FLAG = /^--?[A-Za-z][\w-]*(?:=|$)/;

/** Reads the statement, and `--param_x=value`, or `--param_x` and `value`, in any order. */
export function readWords(words: readonly string[]): Words {
  const params: Record<string, string> = {};
  let sql: string | undefined;
  for (let at = 0; at < words.length; at += 1) {
    const word = words[at] ?? '';
    const [, name, inline] = /^--param_(\w+)(?:=([\s\S]*))?$/.exec(word) ?? [];
    if (name !== undefined) {
      const value = inline ?? words[(at += 1)];
      if (value === undefined) throw new UsageError(`--param_${name}: has no value. Give one: --param_${name}=VALUE.`);
      params[name] = value;
    } else if (FLAG.test(word)) {
      throw new UsageError(`${word}: unknown; allowed: --format, --watch, --write and --param_NAME=VALUE.`);
    } else if (sql === undefined) sql = word;
    else
      throw new UsageError(
        `${word}: "${sql}" is already a statement, and only one is allowed. Put the whole statement in quotes.`,
      );
  }
  return { sql, params };
}
