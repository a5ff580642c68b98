import importX from 'eslint-plugin-import-x';
import tseslint from 'typescript-eslint';

/** The modules of src/ in layers, inside out: a module imports modules of the layers before its own, never a sibling. */
const layers = [
  ['common'],
  ['conversation', 'ops', 'config'],
  ['log', 'store', 'genesys', 'simulator', 'embedded'],
  ['ingest', 'wiring'],
  ['bridge', 'fold', 'sink', 'client', 'board'],
  ['replay', 'record', 'erase'],
  ['cli'],
];
const zones = layers.flatMap((modules, layer) =>
  modules.flatMap((module) => {
    const allowed = [module, ...layers.slice(0, layer).flat()];
    const others = layers.flat().filter((other) => other !== module);
    return [
      {
        target: `./src/${module}`,
        from: './src',
        except: allowed.map((name) => `./${name}`),
        message: `src/${module}/ may import only: ${allowed.join(', ')} (see CONTRIBUTING.md, "Map of the source").`,
      },
      {
        target: others.map((other) => `./src/${other}`),
        from: `./src/${module}`,
        except: ['./index.ts'],
        message: `The public interface of src/${module}/ is its index.ts: import that, not a file behind it.`,
      },
    ];
  }),
);

/** The log's other folders know its port, and neither adapter. */
const adapterZones = ['kafkajs', 'memory'].map((adapter) => ({
  target: `./src/log/!(${adapter})/**/*`,
  from: `./src/log/${adapter}`,
  message: `src/log/${adapter}/ is an adapter: the rest of src/log/ knows only the port (port.ts, runtime/backend.ts).`,
}));

/**
 * The files of test/ that import inner files of a module without being its own tests, each with its reason. Anything
 * else that needs an inner file is a test of that module, and belongs into its folder.
 */
const insiders = [
  // A benchmark times one part by itself.
  { files: 'test/bench/**', modules: ['board', 'fold', 'log', 'sink', 'store'] },
  // The board around a picture that the test paints: without Kafka and ClickHouse.
  { files: 'test/support/board/**', modules: ['board'] },
  // One command, in this process, with its streams in hand.
  { files: 'test/support/clickhouse/query.ts', modules: ['cli'] },
  // The sink without its role: the test holds the log and the store.
  { files: 'test/support/clickhouse/sink.ts', modules: ['sink'] },
  // The schema's files as released, against those of the checkout.
  { files: 'test/support/clickhouse/released-schemas.ts', modules: ['store'] },
  // Other brokers, made of the embedded one's parts; kafkajs with the repairs and without.
  { files: 'test/support/kafka/**', modules: ['embedded', 'log'] },
  // Brokers with flags that the product does not give them, for the jars as they were fetched.
  { files: 'test/support/services/class-archive.ts', modules: ['embedded'] },
  // Ports and processes as the embedded services look at them.
  { files: 'test/support/network/free-ports.ts', modules: ['embedded'] },
  { files: 'test/support/processes/process-identity.ts', modules: ['embedded'] },
  // One request and one socket, in a process with a TLS setting of its own.
  { files: 'test/support/network/tls-client.ts', modules: ['genesys'] },
  // What the tables have to be: the fold's task again, on another log.
  { files: 'test/system/chaos/expected.ts', modules: ['fold'] },
  { files: 'test/system/chaos/chaos.ts', modules: ['cli'] },
  // Statements made of what the engine allows.
  { files: 'test/system/fuzz/sql.ts', modules: ['embedded'] },
  // Writes what an earlier release's fold wrote.
  { files: 'test/integration/wiring/upgrade-visits.test.ts', modules: ['fold', 'log'] },
];
/** Only a module's own tests import files behind its index.ts. */
const testZones = layers.flat().map((module) => ({
  target: [
    './test/!(unit|integration|e2e)/**/*',
    './test/{unit,integration,e2e}/*',
    `./test/{unit,integration,e2e}/!(${module})/**/*`,
  ],
  from: `./src/${module}`,
  except: ['./index.ts'],
  message: `Only the tests of src/${module}/ reach behind its index.ts: import src/${module}, or move the test into test/*/${module}/.`,
}));

export default tseslint.config(
  { ignores: ['dist/', 'coverage/', '.cache/', '.queuefold*/', 'node_modules/', 'test/fixtures/'] },
  ...tseslint.configs.strictTypeChecked,
  {
    plugins: { 'import-x': importX },
    languageOptions: { parserOptions: { projectService: { allowDefaultProject: ['*.mjs', 'bin/*.js'] } } },
    settings: { 'import-x/resolver-next': [importX.createNodeResolver({ extensions: ['.ts', '.js', '.json'] })] },
    rules: {
      'import-x/no-restricted-paths': ['error', { zones: [...zones, ...adapterZones, ...testZones] }],
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
  ...insiders.map(({ files, modules }) => ({
    files: [files],
    rules: {
      'import-x/no-restricted-paths': [
        'error',
        { zones: testZones.filter(({ from }) => !modules.some((module) => from === `./src/${module}`)) },
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
