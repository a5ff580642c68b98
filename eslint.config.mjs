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

export default tseslint.config(
  { ignores: ['dist/', 'coverage/', '.cache/', '.queuefold/', 'node_modules/', 'test/fixtures/'] },
  ...tseslint.configs.strictTypeChecked,
  {
    plugins: { 'import-x': importX },
    languageOptions: { parserOptions: { projectService: { allowDefaultProject: ['*.mjs', 'bin/*.js'] } } },
    settings: { 'import-x/resolver-next': [importX.createNodeResolver({ extensions: ['.ts', '.js', '.json'] })] },
    rules: {
      'import-x/no-restricted-paths': ['error', { zones }],
      'import-x/no-cycle': 'error',
      'import-x/no-default-export': 'error',
      'import-x/order': ['error', { alphabetize: { order: 'asc' }, 'newlines-between': 'never' }],
      '@typescript-eslint/consistent-type-imports': 'error',
      '@typescript-eslint/no-floating-promises': 'error',
      '@typescript-eslint/no-non-null-assertion': 'error',
      '@typescript-eslint/switch-exhaustiveness-check': ['error', { considerDefaultExhaustiveForUnions: true }],
      '@typescript-eslint/restrict-template-expressions': ['error', { allowNumber: true, allowBoolean: true }],
      '@typescript-eslint/no-confusing-void-expression': ['error', { ignoreArrowShorthand: true }],
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
  {
    // Its statements of SQL, one after the other.
    files: ['src/board/clickhouse-history.ts'],
    rules: { 'max-lines-per-function': ['error', 120] },
  },
  { files: ['**/*.config.*', '*.mjs', 'test/support/jest/*.mjs'], rules: { 'import-x/no-default-export': 'off' } },
  {
    files: ['**/*.mjs', '**/*.cjs', 'bin/*.js'],
    extends: [tseslint.configs.disableTypeChecked],
    rules: { '@typescript-eslint/no-require-imports': 'off' },
  },
);
