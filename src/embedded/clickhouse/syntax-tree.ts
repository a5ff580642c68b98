/** A node of `EXPLAIN AST`, e.g. `Function`, `sum` or `TableIdentifier`, `demo.t`. */
export interface SyntaxNode {
  /** The kind of node; empty if this program does not know such a line. */
  readonly kind: string;
  /** The name of a function, an identifier or a table; empty for all others. */
  readonly name: string;
  readonly children: readonly SyntaxNode[];
}

/** A function's or a table's name, with its database: ordinary characters only. */
export const NAME = String.raw`[\p{L}\p{N}_$-]+(?:\.[\p{L}\p{N}_$-]+)*`;
/** Nodes with a name. A name with other characters does not match, and so is unknown. */
const NAMED = new RegExp(String.raw`^(Function|TableIdentifier) (${NAME})(?: \(alias .*\))?$`, 'u');
/** Columns may have any name. */
const FREE = /^(Identifier|Literal|SampleRatio) (.*?)(?: \(alias .*\))?$/s;
const BARE = /^([A-Za-z]+(?:::[A-Za-z]+)?)(?: \(alias .*\))?$/;
const EXPLAIN = /^Explain EXPLAIN(?: (?:AST|SYNTAX|QUERY TREE|PLAN|PIPELINE|ESTIMATE))?$/;
const DESCRIBED = /^((?:ShowCreate|Exists)[A-Za-z]+Query) +.*$/s;

/** Reads the answer of `EXPLAIN AST`: a line for each node, one more space for each level. Never throws. */
export function parseSyntaxTree(text: string): SyntaxNode {
  const root: MutableNode = { kind: '', name: '', children: [] };
  const path: MutableNode[] = [root];
  for (const line of text.split('\n')) {
    if (line.trim() === '') continue;
    const depth = line.length - line.trimStart().length;
    const node = nodeOf(line.trim().replace(/ +\(children \d+\)$/, ''));
    // A line that is too deep for its place becomes a child of the last one, so it is still checked.
    path.length = Math.min(path.length, depth + 1);
    path.at(-1)?.children.push(node);
    path.push(node);
  }
  return root;
}

interface MutableNode extends SyntaxNode {
  readonly children: MutableNode[];
}

function nodeOf(line: string): MutableNode {
  if (EXPLAIN.test(line)) return { kind: 'Explain', name: '', children: [] };
  const [, kind = '', name = ''] = NAMED.exec(line) ?? FREE.exec(line) ?? DESCRIBED.exec(line) ?? BARE.exec(line) ?? [];
  return { kind, name, children: [] };
}
