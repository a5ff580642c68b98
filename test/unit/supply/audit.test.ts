import { execFile } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { createServer, type RequestListener, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { afterEach, describe, expect, test } from '@jest/globals';
import { packageRoot } from '../../../src/common';
import { temporaryFolders } from '../../support/files/folders';

const newFolder = temporaryFolders();
const servers: Server[] = [];
afterEach(() => {
  for (const server of servers.splice(0)) server.close();
});

interface Ended {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

const ADVISORY = 'https://advisories.test/hole';

/** A registry that knows a hole in `leaky` before 2.0.0. */
const WITH_A_HOLE: RequestListener = (request, response) => {
  request.resume();
  response.setHeader('content-type', 'application/json');
  const advisory = { id: 1, url: ADVISORY, title: 'a hole', severity: 'high', vulnerable_versions: '<2.0.0' };
  const versions = { '1.0.0': { name: 'leaky', version: '1.0.0' }, '2.0.0': { name: 'leaky', version: '2.0.0' } };
  const isAudit = request.url?.endsWith('/advisories/bulk') === true;
  response.end(JSON.stringify(isAudit ? { leaky: [advisory] } : { name: 'leaky', versions }));
};

const WITHOUT_AUDITS: RequestListener = (request, response) => {
  request.resume();
  response.writeHead(405).end();
};

/** Of a project that uses `leaky` 1.0.0. */
async function audit(registry: RequestListener, explanations: readonly { url: string; why: string }[]): Promise<Ended> {
  const folder = await newFolder();
  const project = { name: 'project', version: '1.0.0', dependencies: { leaky: '*' } };
  const packages = { '': project, 'node_modules/leaky': { version: '1.0.0' } };
  writeFileSync(join(folder, 'package.json'), JSON.stringify(project));
  writeFileSync(join(folder, 'package-lock.json'), JSON.stringify({ ...project, lockfileVersion: 3, packages }));
  writeFileSync(join(folder, 'explained.json'), JSON.stringify(explanations));
  const server = createServer(registry).listen(0, '127.0.0.1');
  servers.push(server);
  await new Promise((resolve) => server.once('listening', resolve));
  const env = {
    PATH: process.env['PATH'],
    HOME: folder,
    npm_config_registry: `http://127.0.0.1:${(server.address() as AddressInfo).port}/`,
  };
  const args = [join(packageRoot(), 'tools', 'audit.mjs'), '--explained', join(folder, 'explained.json')];
  return new Promise((resolve) => {
    execFile(process.execPath, args, { cwd: folder, env }, (error, stdout, stderr) =>
      resolve({ code: error === null ? 0 : Number(error.code), stdout, stderr }),
    );
  });
}

describe('npm run audit', () => {
  test('fails with a finding that nobody has explained, naming package, range and advisory', async () => {
    const { code, stderr } = await audit(WITH_A_HOLE, []);
    expect(code).toBe(1);
    expect(stderr).toMatch(`leaky <2.0.0: high, a hole (${ADVISORY})`);
  });

  test('passes when each finding is explained, and names explanations that nothing needs any more', async () => {
    const old = 'https://advisories.test/old';
    const { code, stdout, stderr } = await audit(WITH_A_HOLE, [
      { url: ADVISORY, why: 'only reached with input of our own' },
      { url: old, why: 'was updated' },
    ]);
    expect({ code, stdout }).toEqual({ code: 0, stdout: 'audit: nothing unexplained (1 explained)\n' });
    expect(stderr).toContain(old);
    expect(stderr).not.toContain(ADVISORY);
  });

  test('passes where the registry answers no audits, and says that it was not done', async () => {
    const { code, stdout } = await audit(WITHOUT_AUDITS, []);
    expect({ code, stdout }).toEqual({ code: 0, stdout: expect.stringMatching(/^audit: NOT DONE, .*405/) });
  });
});
