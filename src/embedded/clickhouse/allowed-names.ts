import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { packageRoot } from '../../common';

/** The names that a reader's statement may use, from `embedded/sql-allowed.txt`. */
export interface Allowed {
  isFunction(name: string): boolean;
  isTableFunction(name: string): boolean;
  /** A table of the database `system`. */
  isSystemTable(name: string): boolean;
}

const SECTIONS = [
  'functions',
  'aggregate functions',
  'combinators of aggregate functions',
  'table functions',
  'tables of the database system',
] as const;

let read: Allowed | undefined;

export function allowedInStatements(): Allowed {
  return (read ??= parseAllowed(readFileSync(join(packageRoot(), 'embedded', 'sql-allowed.txt'), 'utf8')));
}

/** Names match in any case, because the engine decides which cases of a name it knows. */
function parseAllowed(text: string): Allowed {
  const [functions, aggregates, combinators, tableFunctions, systemTables] = SECTIONS.map((title) =>
    namesBelow(text, title),
  ) as [Set<string>, Set<string>, Set<string>, Set<string>, Set<string>];

  /** `sumIf`, `uniqMergeState`: a name of the list with any number of combinators after it. */
  const isAggregate = (name: string): boolean =>
    aggregates.has(name) ||
    [...combinators].some(
      (combinator) => name.endsWith(combinator) && isAggregate(name.slice(0, name.length - combinator.length)),
    );

  return {
    isFunction: (name) => functions.has(name.toLowerCase()) || isAggregate(name.toLowerCase()),
    isTableFunction: (name) => tableFunctions.has(name.toLowerCase()),
    isSystemTable: (name) => systemTables.has(name.toLowerCase()),
  };
}

function namesBelow(text: string, title: (typeof SECTIONS)[number]): Set<string> {
  const [, section = ''] = text.split(`\n[${title}]\n`);
  const [names = ''] = section.split('\n[');
  return new Set(names.toLowerCase().split(/\s+/).filter(Boolean));
}
