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
  testEnvironment: 'node',
  roots: ['<rootDir>/test'],
  setupFilesAfterEnv: ['<rootDir>/test/support/jest/patience.ts'],
};

const withServices = {
  ...common,
  globalSetup: '<rootDir>/test/support/services/services-setup.ts',
  globalTeardown: '<rootDir>/test/support/services/services-teardown.ts',
};

export default {
  projects: [
    { ...common, displayName: 'unit', testMatch: ['<rootDir>/test/unit/**/*.test.ts'] },
    {
      ...withServices,
      displayName: 'integration',
      testMatch: ['<rootDir>/test/{integration,e2e,chaos,soak}/**/*.test.ts'],
    },
    // What needs more than Node.js and Kafka: test/deployment/main.ts says what, and leaves out what this machine lacks.
    { ...withServices, displayName: 'deployment', testMatch: ['<rootDir>/test/{deployment,drills}/**/*.test.ts'] },
  ],
};
