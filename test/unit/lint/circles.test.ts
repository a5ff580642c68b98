import { readFileSync, readdirSync } from 'node:fs';
import { join, posix, sep } from 'node:path';
import { expect, test } from '@jest/globals';

const root = join(__dirname, '..', '..', '..');

/** The import graph of src/, imports of types included: ESLint's no-cycle leaves those out. */
function importsOf(folder: string): ReadonlyMap<string, readonly string[]> {
  const files = readdirSync(join(root, folder), { recursive: true, encoding: 'utf8' })
    .filter((name) => /\.tsx?$/.test(name))
    .map((name) => posix.join(folder, name.split(sep).join('/')));
  const known = new Set(files);
  const resolve = (from: string, specifier: string): string | undefined => {
    const base = posix.join(posix.dirname(from), specifier);
    return [base, `${base}.ts`, `${base}.tsx`, `${base}/index.ts`].find((name) => known.has(name));
  };
  return new Map(
    files.map((file) => {
      const text = readFileSync(join(root, file), 'utf8');
      const specifiers = [...text.matchAll(/(?:\bfrom|\bimport\(|^import)\s*'(\.[^']*)'/gm)].map(
        ([, name = '']) => name,
      );
      return [file, specifiers.flatMap((name) => resolve(file, name) ?? [])];
    }),
  );
}

/** Tarjan's strongly connected components: those with more than one member. */
function circlesIn(graph: ReadonlyMap<string, readonly string[]>): readonly (readonly string[])[] {
  const order = new Map<string, number>();
  const lowest = new Map<string, number>();
  const stack: string[] = [];
  const circles: string[][] = [];
  const lower = (file: string, to: number): void => void lowest.set(file, Math.min(lowest.get(file) ?? to, to));
  const visit = (file: string): void => {
    const own = order.size;
    order.set(file, own);
    lowest.set(file, own);
    stack.push(file);
    for (const imported of graph.get(file) ?? []) {
      if (!order.has(imported)) {
        visit(imported);
        lower(file, lowest.get(imported) ?? own);
      } else if (stack.includes(imported)) lower(file, order.get(imported) ?? own);
    }
    if (lowest.get(file) !== own) return;
    const members = stack.splice(stack.indexOf(file));
    if (members.length > 1) circles.push(members.toSorted());
  };
  for (const file of graph.keys()) if (!order.has(file)) visit(file);
  return circles;
}

test('finds circles', () => {
  const graph = new Map([
    ['a', ['b', 'd']],
    ['b', ['c']],
    ['c', ['a']],
    ['d', ['e']],
    ['e', []],
  ]);
  expect(circlesIn(graph)).toEqual([['a', 'b', 'c']]);
});

test('src/ has no circle of imports, not even of types', () => {
  const graph = importsOf('src');
  expect(graph.size).toBeGreaterThan(300);
  expect(circlesIn(graph)).toEqual([]);
});

const folderOf = (file: string): string => posix.dirname(file);
const isIn = (folder: string, file: string): boolean => file.startsWith(`${folder}/`);

/** Of each folder that has an index.ts: the imports from outside of it that name another file of it. */
function pastAnIndex(graph: ReadonlyMap<string, readonly string[]>): readonly string[] {
  const faces = [...graph.keys()].filter((file) => posix.basename(file) === 'index.ts').map(folderOf);
  return faces.flatMap((folder) =>
    [...graph].flatMap(([file, imported]) =>
      imported
        .filter((to) => !isIn(folder, file) && isIn(folder, to) && to !== `${folder}/index.ts`)
        .map((to) => `${file} -> ${to}`),
    ),
  );
}

/** The circles of folders with a common parent. Files in the parent itself do not count: they tie its folders together. */
function circlesOfFolders(graph: ReadonlyMap<string, readonly string[]>): readonly (readonly string[])[] {
  const parents = new Set([...graph.keys()].map((file) => posix.dirname(folderOf(file))));
  return [...parents].flatMap((parent) => {
    const childOf = (file: string): string | null => {
      const [child, more] = isIn(parent, file) ? file.slice(parent.length + 1).split('/') : [];
      return child === undefined || more === undefined ? null : `${parent}/${child}`;
    };
    const folders = new Map<string, string[]>();
    for (const [file, imported] of graph) {
      const from = childOf(file);
      if (from === null) continue;
      const to = imported.flatMap((each) => childOf(each) ?? []).filter((each) => each !== from);
      folders.set(from, [...(folders.get(from) ?? []), ...to]);
    }
    return circlesIn(folders);
  });
}

test('finds imports past an index.ts, and circles of folders', () => {
  const graph = new Map([
    ['src/a/index.ts', ['src/a/one/x.ts']],
    ['src/a/one/x.ts', ['src/a/two/y.ts']],
    ['src/a/one/z.ts', []],
    ['src/a/two/index.ts', ['src/a/two/y.ts']],
    ['src/a/two/y.ts', ['src/a/one/z.ts']],
  ]);
  expect(pastAnIndex(graph)).toEqual(['src/a/one/x.ts -> src/a/two/y.ts']);
  expect(circlesOfFolders(graph)).toEqual([['src/a/one', 'src/a/two']]);
});

test('inside of a module, too, a folder with an index.ts is imported through it', () => {
  expect(pastAnIndex(importsOf('src'))).toEqual([]);
});

test('inside of a module, too, no folders form a circle', () => {
  expect(circlesOfFolders(importsOf('src'))).toEqual([]);
});
