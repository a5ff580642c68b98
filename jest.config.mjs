import { availableParallelism, totalmem } from 'node:os';

const compiled = (syntax) => [
  '@swc/jest',
  { jsc: { parser: { syntax }, target: 'es2023' }, module: { type: 'commonjs' } },
];
/** It loads node:http by a dynamic import, which jest has only under a flag. */
const OTLP_EXPORTER = '@opentelemetry/otlp-exporter-base/';
const transform = {
  '^.+\\.ts$': compiled('typescript'),
  [`${OTLP_EXPORTER}.+\\.js$`]: compiled('ecmascript'),
};
const common = {
  transform,
  transformIgnorePatterns: [`/node_modules/(?!${OTLP_EXPORTER})`],
  // The seed of property tests: test/support/jest/fast-check.cjs.
  moduleNameMapper: { '^fast-check$': '<rootDir>/test/support/jest/fast-check.cjs' },
  testEnvironment: 'node',
  roots: ['<rootDir>/test'],
  setupFilesAfterEnv: ['<rootDir>/test/support/jest/patience.ts'],
};

const project = (name) => ({ ...common, displayName: name, testMatch: [`<rootDir>/test/${name}/**/*.test.ts`] });
/** Kafka and the registry, shared by all files and started when the first of them asks. */
const withServices = (name) => ({
  ...project(name),
  globalSetup: '<rootDir>/test/support/services/services-setup.ts',
  globalTeardown: '<rootDir>/test/support/services/services-teardown.ts',
});

/** Sorted by what they need: CONTRIBUTING.md says what each project is. */
export default {
  projects: [
    project('unit'),
    withServices('integration'),
    withServices('e2e'),
    withServices('deployment'),
    withServices('system'),
  ],
  testSequencer: '<rootDir>/test/support/jest/sequencer.mjs',
  // Most tests with services wait most of the time. A worker takes up to 1.5 GB with the processes that its tests start.
  maxWorkers: Math.max(1, Math.min(availableParallelism() + 2, Math.floor(totalmem() / 1.7e9))),
};
