import { createMskTokenProvider } from '../../../src/log/kafkajs/msk-iam';

/** Prints a token for the region: what a broker of Amazon MSK is given. */
void createMskTokenProvider(process.argv[2] ?? '')().then(({ value }) => process.stdout.write(`${value}\n`));
