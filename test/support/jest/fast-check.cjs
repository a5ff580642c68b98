// Sets the seed and the number of runs of all property tests: `import fc from 'fast-check'` leads here
// (jest.config.mjs).
const fc = require('../../../node_modules/fast-check/lib/cjs/fast-check.js');

/** An ordinary run tests the same cases everywhere. */
const ORDINARY_SEED = 20_260_302;
const { PROPERTY_SEED = String(ORDINARY_SEED), PROPERTY_RUNS = '1' } = process.env;

const seed = PROPERTY_SEED === 'random' ? (Date.now() ^ (process.pid << 16)) | 0 : Number(PROPERTY_SEED);
const factor = Number(PROPERTY_RUNS);
if (!Number.isInteger(seed)) throw new Error(`PROPERTY_SEED=${PROPERTY_SEED}: give a whole number, or "random"`);
if (!(factor > 0))
  throw new Error(`PROPERTY_RUNS=${PROPERTY_RUNS}: give a positive number; each property runs so many times as often`);
if (PROPERTY_SEED === 'random') process.stderr.write(`property tests: PROPERTY_SEED=${seed}\n`);

const DEFAULT_RUNS = 100;
const scaled = (parameters = {}) => ({
  ...{ seed, ...parameters },
  numRuns: Math.max(1, Math.round((parameters.numRuns ?? DEFAULT_RUNS) * factor)),
});

const configured = {
  ...fc,
  assert: (property, parameters) => fc.assert(property, scaled(parameters)),
  check: (property, parameters) => fc.check(property, scaled(parameters)),
  /** A sample's size belongs to the test; it is not the number of runs. */
  sample: (generator, parameters) =>
    fc.sample(generator, typeof parameters === 'number' ? { seed, numRuns: parameters } : { seed, ...parameters }),
};
module.exports = { ...configured, default: configured, __esModule: true };
