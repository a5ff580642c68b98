import { expect, test } from '@jest/globals';
import fc from 'fast-check';
import { describeConfig, loadConfig, secretValues } from '../../../src/config';
import { SETTING_KEYS, SETTINGS } from '../../../src/config/settings';

const SECRETS = SETTING_KEYS.filter((key) => SETTINGS[key].secret);
const OTHERS = SETTING_KEYS.filter((key) => !SETTINGS[key].secret);

/** Long enough not to occur by chance. */
const aSecret = fc.string({ minLength: 12, maxLength: 40, unit: 'binary' }).map((text) => `S3CRET${text}`);
const secrets = fc.dictionary(fc.constantFrom<string>(...SECRETS), aSecret);
const others = fc.dictionary(fc.constantFrom<string>(...OTHERS), fc.oneof(fc.string(), fc.constantFrom('1', '1s')));

function everythingPrinted(env: Record<string, string>): string {
  try {
    const config = loadConfig({ env });
    return JSON.stringify([config, describeConfig(config)]);
  } catch (error) {
    const { message, stack } = error as Error;
    return `${message}\n${stack ?? ''}`;
  }
}

test('whatever the settings are, no secret is in what is printed or thrown', () => {
  fc.assert(
    fc.property(secrets, others, (secret, other) => {
      expect(everythingPrinted({ ...other, ...secret })).not.toContain('S3CRET');
    }),
  );
});

test('the secrets in force are known to those who scrub the logs', () => {
  const config = loadConfig({ env: { EVENTS_SECRET: 'one of sixteen and more', CLICKHOUSE_PASSWORD: 'two' } });
  expect([...secretValues(config)].sort()).toEqual(['one of sixteen and more', 'two']);
});
