import { jest } from '@jest/globals';

// Tests wait for conditions, and for real brokers, on small and busy machines. A test that hangs still ends.
// More cases of properties take longer: see fast-check.cjs.
jest.setTimeout(300_000 * Math.max(1, Number(process.env['PROPERTY_RUNS'] ?? 1)));
