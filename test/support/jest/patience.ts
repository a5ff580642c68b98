import { jest } from '@jest/globals';

// Tests wait for conditions, and for real brokers, on small and busy machines. A test that hangs still ends.
jest.setTimeout(300_000);
