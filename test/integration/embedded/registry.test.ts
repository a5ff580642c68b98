import { readFile } from 'node:fs/promises';
import { type IncomingMessage, request } from 'node:http';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { ownRegistryForTests, registryForTests } from '../../support/services/services';

const JSON_TYPE = { 'content-type': 'application/vnd.schemaregistry.v1+json' };

function schema(field: string): string {
  return JSON.stringify({ type: 'record', name: 'R', fields: [{ name: field, type: 'string' }] });
}

async function register(url: string, subject: string, field: string): Promise<number> {
  const answer = await fetch(`${url}/subjects/${subject}/versions`, {
    method: 'POST',
    headers: JSON_TYPE,
    body: JSON.stringify({ schema: schema(field) }),
  });
  expect(answer.status).toBe(200);
  return ((await answer.json()) as { id: number }).id;
}

async function schemaOf(url: string, id: number): Promise<unknown> {
  const answer = await fetch(`${url}/schemas/ids/${id}`);
  return answer.ok ? JSON.parse(((await answer.json()) as { schema: string }).schema) : answer.status;
}

test('the shared registry of a test run gives ids and schemas', async () => {
  const { url } = await registryForTests();
  const id = await register(url, 'embedded-shared-value', 'shared');
  expect(await schemaOf(url, id)).toEqual(JSON.parse(schema('shared')));
});

test('answers a client that offers HTTP/2 with its first request, as the one of Java does', async () => {
  const { url } = await registryForTests();
  const headers = {
    ...{ connection: 'Upgrade, HTTP2-Settings', upgrade: 'h2c' },
    'http2-settings': 'AAEAAEAAAAIAAAABAAMAAABkAAQBAAAAAAUAAEAA',
  };
  const answer = await new Promise<IncomingMessage>((resolve, reject) => {
    const asked = request(`${url}/subjects`, { headers, agent: false }, resolve);
    asked.on('upgrade', () => reject(new Error('the connection was switched')));
    asked.on('error', reject).end();
  });
  answer.resume();
  expect(answer.statusCode).toBe(200);
});

describe('an embedded registry', () => {
  let registry: Awaited<ReturnType<typeof ownRegistryForTests>>;
  beforeAll(async () => {
    registry = await ownRegistryForTests();
  });
  afterAll(() => registry.dispose());

  test('still knows an id after kill -9 right after it gave it', async () => {
    const first = await register(registry.url, 'a-value', 'a');
    const second = await register(registry.url, 'b-value', 'b');
    await registry.kill9();
    await registry.restart();
    expect(await schemaOf(registry.url, first)).toEqual(JSON.parse(schema('a')));
    expect(await schemaOf(registry.url, second)).toEqual(JSON.parse(schema('b')));
    expect(await register(registry.url, 'a-value', 'a')).toBe(first);
    expect(await register(registry.url, 'c-value', 'c')).toBeGreaterThan(second);
  });

  test.each(['text/plain', 'application/x-www-form-urlencoded', 'multipart/form-data'])(
    'refuses what a web page can send without asking first, as %s',
    async (type) => {
      const root = new URL(registry.url).origin;
      const headers = { 'content-type': type, origin: 'http://page.example', 'sec-fetch-site': 'cross-site' };
      const paths = [
        `${registry.url}/subjects/of-a-page-value/versions`,
        ...['v2', 'v3'].map((version) => `${root}/apis/registry/${version}/groups/default/artifacts`),
        ...['v2', 'v3'].map((version) => `${root}/apis/registry/${version}/admin/import`),
      ];
      for (const path of paths) {
        const answer = await fetch(path, { method: 'POST', headers, body: JSON.stringify({ schema: schema('page') }) });
        expect([path, answer.status]).toEqual([path, 403]);
      }
      expect((await fetch(`${registry.url}/subjects`, { headers: { origin: headers.origin } })).status).toBe(403);
      expect(await (await fetch(`${registry.url}/subjects`)).json()).not.toContain('of-a-page-value');
    },
  );

  test('refuses a page whose name resolves to this machine, and has no door beside that', async () => {
    const { port, pathname } = new URL(registry.url);
    const asked = (headers: Record<string, string>) =>
      new Promise<number | undefined>((resolve, reject) => {
        const answered = (answer: IncomingMessage): void => {
          answer.resume();
          resolve(answer.statusCode);
        };
        const path = `${pathname}/subjects`;
        request({ host: '127.0.0.1', port, path, headers, agent: false }, answered).on('error', reject).end();
      });
    expect(await asked({ host: `page.example:${port}` })).toBe(403);
    expect(await asked({ host: `page.example:${port}`, origin: `http://page.example:${port}` })).toBe(403);
    expect(await asked({ host: `localhost:${port}` })).toBe(200);
    const ports = JSON.parse(await readFile(join(registry.dataDir, 'registry', 'ports.json'), 'utf8')) as number[];
    expect(ports[0]).toBe(Number(port));
    expect((await fetch(`http://127.0.0.1:${ports[1]}${pathname}/subjects`)).status).toBe(401);
  });

  test('lets a subject be deleted', async () => {
    await register(registry.url, 'd-value', 'd');
    const answer = await fetch(`${registry.url}/subjects/d-value`, { method: 'DELETE' });
    expect(answer.status).toBe(200);
    expect(await (await fetch(`${registry.url}/subjects`)).json()).not.toContain('d-value');
  });
});
