import { describe, expect, test } from '@jest/globals';
import { OperatorError, UsageError } from '../../../src/common';
import { createMskTokenProvider } from '../../../src/log/kafkajs/msk-iam';

const signer = (lifeMs: number) => {
  const regions: string[] = [];
  const generateAuthToken = ({ region }: { readonly region: string }) => {
    regions.push(region);
    return Promise.resolve({ token: `token ${regions.length}`, expiryTime: Date.now() + lifeMs });
  };
  return { regions, load: () => Promise.resolve({ generateAuthToken }) };
};

describe('tokens for Amazon MSK with IAM', () => {
  test('are signed for the region, and one serves all connections until shortly before its end', async () => {
    const { regions, load } = signer(900_000);
    const provider = createMskTokenProvider('eu-west-1', load);
    expect([await provider(), await provider()]).toEqual([{ value: 'token 1' }, { value: 'token 1' }]);
    expect(regions).toEqual(['eu-west-1']);
    const short = createMskTokenProvider('eu-west-1', signer(30_000).load);
    expect([await short(), await short()]).toEqual([{ value: 'token 1' }, { value: 'token 2' }]);
  });

  test('without credentials of AWS say so, with the remedy', async () => {
    const generateAuthToken = () => Promise.reject(new Error('Could not load credentials from any providers'));
    const provider = createMskTokenProvider('eu-west-1', () => Promise.resolve({ generateAuthToken }));
    await expect(provider()).rejects.toThrow(OperatorError);
    await expect(provider()).rejects.toThrow(/AWS_MSK_IAM in eu-west-1 \(Could not load.*AWS_ACCESS_KEY_ID/);
  });

  test('without the optional package name it', async () => {
    const provider = createMskTokenProvider('eu-west-1');
    await expect(provider()).rejects.toThrow(UsageError);
    await expect(provider()).rejects.toThrow(/npm install aws-msk-iam-sasl-signer-js/);
  });
});
