import { join } from 'node:path';
import { describe, expect, jest, test } from '@jest/globals';
import { OperatorError, UsageError } from '../../../src/common';
import { createMskTokenProvider } from '../../../src/log/kafkajs/msk-iam';
import { runTypeScript } from '../../support/processes/run-typescript';

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

  test('are renewed in time, although the clock of the machine was set back', async () => {
    jest.useFakeTimers();
    try {
      const provider = createMskTokenProvider('eu-west-1', signer(900_000).load);
      expect(await provider()).toEqual({ value: 'token 1' });
      jest.setSystemTime(Date.now() - 86_400_000);
      jest.advanceTimersByTime(850_000);
      expect(await provider()).toEqual({ value: 'token 2' });
    } finally {
      jest.useRealTimers();
    }
  });

  test('without credentials of AWS say so, with the remedy', async () => {
    const generateAuthToken = () => Promise.reject(new Error('Could not load credentials from any providers'));
    const provider = createMskTokenProvider('eu-west-1', () => Promise.resolve({ generateAuthToken }));
    await expect(provider()).rejects.toThrow(OperatorError);
    await expect(provider()).rejects.toThrow(/AWS_MSK_IAM in eu-west-1 \(Could not load.*AWS_ACCESS_KEY_ID/);
  });

  test('without the optional package name it', async () => {
    const provider = createMskTokenProvider('eu-west-1', (name) => Promise.reject(new Error(`Cannot find ${name}`)));
    await expect(provider()).rejects.toThrow(UsageError);
    await expect(provider()).rejects.toThrow(/npm install aws-msk-iam-sasl-signer-js/);
  });

  test('of the real signer are presigned requests to connect, made without asking anybody', async () => {
    // A process of its own: the SDK loads its parts by dynamic imports, which jest has only under a flag.
    const {
      process: child,
      firstLine,
      exited,
    } = runTypeScript(join(__dirname, 'msk-iam-token.ts'), ['eu-west-1'], {
      PATH: process.env['PATH'],
      AWS_ACCESS_KEY_ID: 'AKIAEXAMPLE',
      AWS_SECRET_ACCESS_KEY: 'a secret of nobody',
      AWS_EC2_METADATA_DISABLED: 'true',
      // Nothing answers there: a request would fail.
      HTTPS_PROXY: 'http://127.0.0.1:1',
    });
    try {
      const before = Date.now();
      const url = new URL(Buffer.from(await firstLine, 'base64url').toString());
      expect(url.origin).toBe('https://kafka.eu-west-1.amazonaws.com');
      const query = Object.fromEntries(url.searchParams);
      expect(query).toMatchObject({
        Action: 'kafka-cluster:Connect',
        'X-Amz-Algorithm': 'AWS4-HMAC-SHA256',
        'X-Amz-Credential': expect.stringMatching(
          /^AKIAEXAMPLE\/\d{8}\/eu-west-1\/kafka-cluster\/aws4_request$/,
        ) as unknown,
        'X-Amz-Expires': '900',
        'X-Amz-SignedHeaders': 'host',
        'X-Amz-Signature': expect.stringMatching(/^[0-9a-f]{64}$/) as unknown,
      });
      const signedAt = Date.parse(
        (query['X-Amz-Date'] ?? '').replace(/^(....)(..)(..T..)(..)(..Z)$/, '$1-$2-$3:$4:$5'),
      );
      expect(Math.abs(signedAt - before)).toBeLessThan(5 * 60_000);
    } finally {
      child.kill();
      await exited;
    }
  });
});
