import importX from 'eslint-plugin-import-x';
import tseslint from 'typescript-eslint';

/** The rooms of src/ in layers, inside out: a room imports rooms of the layers before its own, never a sibling. */
const layers = [
  ['common'],
  ['conversation', 'ops', 'config'],
  ['log', 'store', 'genesys', 'simulator', 'embedded'],
  ['ingest', 'wiring'],
  ['bridge', 'fold', 'sink', 'client', 'board'],
  ['replay', 'record', 'erase'],
  ['cli'],
];
const zones = layers.flatMap((rooms, layer) =>
  rooms.flatMap((room) => {
    const allowed = [room, ...layers.slice(0, layer).flat()];
    const others = layers.flat().filter((other) => other !== room);
    return [
      {
        target: `./src/${room}`,
        from: './src',
        except: allowed.map((name) => `./${name}`),
        message: `src/${room}/ may import only: ${allowed.join(', ')} (see CONTRIBUTING.md, "Map of the source").`,
      },
      {
        target: others.map((other) => `./src/${other}`),
        from: `./src/${room}`,
        except: ['./index.ts'],
        message: `The face of src/${room}/ is its index.ts: import that, not a file behind it.`,
      },
    ];
  }),
);

/**
 * What of test/ reaches into a room beside the room's own tests. Each has a reason; whatever else needs an inner part is a
 * test of that room, and belongs into its folder.
 */
const insiders = [
  // A benchmark times one part by itself.
  { files: 'test/bench/**', rooms: ['board', 'fold', 'log', 'sink', 'store'] },
  // The board around a picture that the test paints: without Kafka and ClickHouse.
  { files: 'test/support/board/**', rooms: ['board'] },
  // One command, in this process, with its streams in hand.
  { files: 'test/support/clickhouse/query.ts', rooms: ['cli'] },
  // The sink without its role: the test holds the log and the store.
  { files: 'test/support/clickhouse/sink.ts', rooms: ['sink'] },
  // The schema's files as released, against those of the checkout.
  { files: 'test/support/clickhouse/released-schemas.ts', rooms: ['store'] },
  // Other brokers, made of the embedded one's parts; kafkajs with the repairs and without.
  { files: 'test/support/kafka/**', rooms: ['embedded', 'log'] },
  // Ports and processes as the embedded services look at them.
  { files: 'test/support/network/free-ports.ts', rooms: ['embedded'] },
  { files: 'test/support/processes/process-identity.ts', rooms: ['embedded'] },
  // One request and one socket, in a process with a TLS setting of its own.
  { files: 'test/support/network/tls-client.ts', rooms: ['genesys'] },
  // What the tables have to be: the fold's task again, on another log.
  { files: 'test/system/chaos/expected.ts', rooms: ['fold'] },
  { files: 'test/system/chaos/chaos.ts', rooms: ['cli'] },
  // Statements made of what the engine allows.
  { files: 'test/system/fuzz/sql.ts', rooms: ['embedded'] },
  // Writes what an earlier release's fold wrote.
  { files: 'test/integration/wiring/upgrade-visits.test.ts', rooms: ['fold', 'log'] },
];
/** Tests see a room by its face, but for the tests of the room itself. */
const testZones = layers.flat().map((room) => ({
  target: [
    './test/!(unit|integration|e2e)/**/*',
    './test/{unit,integration,e2e}/*',
    `./test/{unit,integration,e2e}/!(${room})/**/*`,
  ],
  from: `./src/${room}`,
  except: ['./index.ts'],
  message: `Only the tests of src/${room}/ reach behind its face: import src/${room}, or move the test into test/*/${room}/.`,
}));

export default tseslint.config(
  { ignores: ['dist/', 'coverage/', '.cache/', '.queuefold/', 'node_modules/', 'test/fixtures/'] },
  ...tseslint.configs.strictTypeChecked,
  {
    plugins: { 'import-x': importX },
    languageOptions: { parserOptions: { projectService: { allowDefaultProject: ['*.mjs', 'bin/*.js'] } } },
    settings: { 'import-x/resolver-next': [importX.createNodeResolver({ extensions: ['.ts', '.js', '.json'] })] },
    rules: {
      'import-x/no-restricted-paths': ['error', { zones: [...zones, ...testZones] }],
      'import-x/no-cycle': 'error',
      'import-x/no-default-export': 'error',
      'import-x/order': ['error', { alphabetize: { order: 'asc' }, 'newlines-between': 'never' }],
      '@typescript-eslint/consistent-type-imports': 'error',
      '@typescript-eslint/no-floating-promises': 'error',
      '@typescript-eslint/no-non-null-assertion': 'error',
      '@typescript-eslint/switch-exhaustiveness-check': ['error', { considerDefaultExhaustiveForUnions: true }],
      '@typescript-eslint/restrict-template-expressions': ['error', { allowNumber: true, allowBoolean: true }],
      '@typescript-eslint/no-confusing-void-expression': ['error', { ignoreArrowShorthand: true }],
      // Most interfaces here are objects of closures, whose methods need no `this`; the rule cannot tell them from classes.
      '@typescript-eslint/unbound-method': 'off',
      '@typescript-eslint/prefer-promise-reject-errors': 'off',
      '@typescript-eslint/only-throw-error': 'off',
    },
  },
  {
    files: ['src/**/*.ts', 'src/**/*.tsx'],
    rules: {
      'max-lines-per-function': ['error', { max: 100, skipBlankLines: false, skipComments: false, IIFEs: true }],
    },
  },
  ...insiders.map(({ files, rooms }) => ({
    files: [files],
    rules: {
      'import-x/no-restricted-paths': [
        'error',
        { zones: testZones.filter(({ from }) => !rooms.some((room) => from === `./src/${room}`)) },
      ],
    },
  })),
  { files: ['**/*.config.*', '*.mjs', 'test/support/jest/*.mjs'], rules: { 'import-x/no-default-export': 'off' } },
  {
    files: ['**/*.mjs', '**/*.cjs', 'bin/*.js'],
    extends: [tseslint.configs.disableTypeChecked],
    rules: { '@typescript-eslint/no-require-imports': 'off' },
  },
);
