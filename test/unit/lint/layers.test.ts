import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { expect, test } from '@jest/globals';

/** A file that exists, and what a line in front of it would import. */
type Import = readonly [file: string, imported: string];

const FORBIDDEN: readonly Import[] = [
  ['src/conversation/fold.ts', '../log/port'],
  ['src/conversation/fold.ts', '../ops/metrics'],
  ['src/log/port.ts', '../store/client'],
  ['src/sink/sink.ts', '../log/port'],
  ['src/genesys/feed.ts', '../log/port'],
  ['src/ingest/ingest.ts', '../genesys/index'],
  ['src/embedded/kafka.ts', '../config'],
  ['src/ops/http.ts', '../roles/role'],
];
const ALLOWED: readonly Import[] = [
  ['src/log/runtime/tasks.ts', '../../common/errors'],
  ['src/fold/start.ts', '../conversation/fold'],
  ['src/bridge/role.ts', '../genesys/index'],
];

/** In a process of its own: ESLint imports its configuration, which jest's modules cannot. */
const SCRIPT = `
  const { ESLint } = require('eslint');
  const eslint = new ESLint({ ruleFilter: ({ ruleId }) => ruleId === 'import-x/no-restricted-paths' });
  const lint = async ([filePath, imported]) => {
    const [{ messages }] = await eslint.lintText("import '" + imported + "';", { filePath });
    return messages.map(({ message }) => message);
  };
  const work = async () => {
    const found = [];
    for (const each of JSON.parse(process.argv[1])) found.push(await lint(each));
    console.log(JSON.stringify(found));
  };
  void work();
`;

test('an import against the layers is refused by the linter, and one along them is not', async () => {
  const cwd = join(__dirname, '..', '..', '..');
  const args = ['-e', SCRIPT, JSON.stringify([...FORBIDDEN, ...ALLOWED])];
  const { stdout } = await promisify(execFile)(process.execPath, args, { cwd });
  const complaints = JSON.parse(stdout) as string[][];
  expect(complaints).toEqual([
    ...FORBIDDEN.map(([file]) => [expect.stringContaining(`${file.split('/', 2).join('/')}/ may import only`)]),
    ...ALLOWED.map(() => []),
  ]);
});
