import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { expect, test } from '@jest/globals';

/** A file that exists, and what a line in front of it would import. */
type Import = readonly [file: string, imported: string];

const TO_THE_RIGHT: readonly Import[] = [
  ['src/conversation/fold.ts', '../log'],
  ['src/conversation/fold.ts', '../ops'],
  ['src/log/port.ts', '../store'],
  ['src/genesys/feed.ts', '../log'],
  ['src/simulator/generator.ts', '../genesys'],
  ['src/ingest/ingest.ts', '../bridge'],
  ['src/sink/sink.ts', '../fold'],
  ['src/bridge/role.ts', '../sink'],
  ['src/sink/role.ts', '../erase'],
  ['src/embedded/kafka.ts', '../wiring'],
  ['src/ops/http.ts', '../wiring'],
];
const PAST_AN_INDEX: readonly Import[] = [
  ['src/fold/task.ts', '../log/port'],
  ['src/cli/replay.ts', '../replay/replay'],
  ['src/log/runtime/tasks.ts', '../../common/errors'],
];
const TO_AN_ADAPTER: readonly Import[] = [
  ['src/log/runtime/tasks.ts', '../kafkajs'],
  ['src/log/table/follow-table.ts', '../memory'],
  ['src/log/memory/backend.ts', '../kafkajs'],
  ['src/log/kafkajs/log.ts', '../memory'],
];
const FROM_ANOTHERS_TEST: readonly Import[] = [
  ['test/unit/fold/fold-task.test.ts', '../../../src/log/port'],
  ['test/integration/store/writer.test.ts', '../../../src/sink/sink'],
  ['test/e2e/replay/replay.test.ts', '../../../src/cli/program'],
  ['test/e2e/personal-data.test.ts', '../../src/log/port'],
  ['test/system/soak/stage.ts', '../../../src/log/port'],
  ['test/deployment/chart.test.ts', '../../src/config/settings'],
  ['test/support/kafka/cluster.ts', '../../../src/store/client'],
  ['test/bench/visits.ts', '../../src/cli/program'],
];
const ALLOWED: readonly Import[] = [
  ['src/log/runtime/tasks.ts', '../../common'],
  ['src/log/runtime/tasks.ts', '../port'],
  ['src/log/index.ts', './kafkajs'],
  ['src/log/kafkajs/log.ts', '../runtime/tasks'],
  ['src/fold/start.ts', '../conversation'],
  ['src/bridge/role.ts', '../genesys'],
  ['src/replay/replay.ts', '../fold'],
  ['test/unit/fold/fold-task.test.ts', '../../../src/fold/task'],
  ['test/unit/fold/fold-task.test.ts', '../../../src/log'],
  ['test/integration/store/writer.test.ts', '../../../src/store/writer'],
  ['test/system/soak/stage.ts', '../../../src/bridge'],
  ['test/support/kafka/cluster.ts', '../../../src/embedded/java'],
];

/** In a process of its own: ESLint imports its configuration, which jest's modules cannot. */
const SCRIPT = `
  const { ESLint } = require('eslint');
  const eslint = new ESLint({
    ruleFilter: ({ ruleId }) => ruleId === 'import-x/no-restricted-paths',
    // The rule needs no types, which would take ten seconds.
    overrideConfig: { languageOptions: { parserOptions: { projectService: false } } },
  });
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

test('the linter refuses an import against the layers and one past an index.ts, from tests too, and no other', async () => {
  const cwd = join(__dirname, '..', '..', '..');
  const args = [
    '-e',
    SCRIPT,
    JSON.stringify([...TO_THE_RIGHT, ...PAST_AN_INDEX, ...TO_AN_ADAPTER, ...FROM_ANOTHERS_TEST, ...ALLOWED]),
  ];
  const { stdout } = await promisify(execFile)(process.execPath, args, { cwd });
  const complaints = JSON.parse(stdout) as string[][];
  expect(complaints).toEqual([
    ...TO_THE_RIGHT.map(([file]) => [expect.stringContaining(`${file.split('/', 2).join('/')}/ may import only`)]),
    ...PAST_AN_INDEX.map(() => [expect.stringContaining('is its index.ts')]),
    ...TO_AN_ADAPTER.map(() => [expect.stringContaining('is an adapter')]),
    ...FROM_ANOTHERS_TEST.map(() => [expect.stringContaining('reach behind its index.ts')]),
    ...ALLOWED.map(() => []),
  ]);
});
