import { createServer, type ServerResponse } from 'node:http';
import { describe, expect, test } from '@jest/globals';
import pino from 'pino';
import { AwayError, MissingError, UsageError } from '../../../src/common';
import { checkSubject, createRegistrySchemas } from '../../../src/log/codec/registry';
import { checkRegistry } from '../../../src/log/codec/registry-doctor';
import { loadSchema } from '../../../src/log/codec/schemas';
import { listenOnLoopback } from '../../support/network/loopback-server';

test('a registry that takes a request and never answers is asked again', async () => {
  const silent: ServerResponse[] = [];
  const server = createServer((_, response) => {
    if (silent.length < 2) {
      silent.push(response);
      return;
    }
    response.setHeader('content-type', 'application/json');
    response.end(JSON.stringify({ schema: '{"type":"record","name":"r","fields":[]}' }));
  });
  const { url, stop } = await listenOnLoopback(server);
  try {
    const schemas = createRegistrySchemas({ url, logger: pino({ enabled: false }), requestMs: 200 });
    expect((await schemas.writerOf(7))?.toString()).toBe('"r"');
    expect(silent).toHaveLength(2);
  } finally {
    await stop();
  }
});

type Answer = readonly [status: number, type: string, body: string];

/** Answers the requests in this order, and the last answer again and again. */
async function answering(...answers: readonly Answer[]) {
  let asked = 0;
  const server = createServer((_, response) => {
    const [status, type, body] = answers[Math.min(asked, answers.length - 1)] ?? [500, 'text/plain', ''];
    asked += 1;
    response.writeHead(status, { 'content-type': type }).end(body);
  });
  return { ...(await listenOnLoopback(server)), asked: () => asked };
}

const PAGE = '<html><body><h1>default backend - 404</h1></body></html>';
const SCHEMA = JSON.stringify({ schema: '{"type":"record","name":"r","fields":[]}' });
const LACKS = JSON.stringify({ error_code: 40403, message: 'Schema 7 not found' });

describe('a proxy whose registry is away answers in its place', () => {
  test.each([
    ['404 and a page', [404, 'text/html', PAGE]],
    ['404 and nothing', [404, 'text/plain', '']],
    ['404 and JSON of its own', [404, 'application/json', '{"message":"no route"}']],
    ['200 and a page', [200, 'text/html', PAGE]],
    ['200 and nothing', [200, 'application/json', '']],
  ] as const)('%s: that says nothing about the schema of a record', async (_, answer) => {
    // The second answer is to the question whether the registry itself lacks the schema.
    const registry = await answering(answer, answer, [200, 'application/json', SCHEMA]);
    try {
      const schemas = createRegistrySchemas({ url: registry.url, logger: pino({ enabled: false }) });
      expect((await schemas.writerOf(7))?.toString()).toBe('"r"');
    } finally {
      await registry.stop();
    }
  });

  test('404 and a page: a role that starts waits, and does not take its schema for missing', async () => {
    const registry = await answering([404, 'text/html', PAGE]);
    const options = { url: registry.url, logger: pino({ enabled: false }), triesAtStart: 1 };
    try {
      const asking = createRegistrySchemas(options).idOf('s', loadSchema('queue-conversation'));
      await expect(asking).rejects.toThrow(AwayError);
      await expect(asking).rejects.toThrow('is the path right');
      await expect(checkSubject(options, 's')).rejects.toThrow(AwayError);
    } finally {
      await registry.stop();
    }
  });
});

test('a registry that lacks a schema says so itself', async () => {
  const registry = await answering([404, 'application/vnd.schemaregistry.v1+json', LACKS]);
  const options = { url: registry.url, logger: pino({ enabled: false }), triesAtStart: 1 };
  try {
    expect(await createRegistrySchemas(options).writerOf(7)).toBeNull();
    await expect(createRegistrySchemas(options).idOf('s', loadSchema('queue-conversation'))).rejects.toThrow(
      MissingError,
    );
  } finally {
    await registry.stop();
  }
});

describe('the id that a registry gives a schema counts only if the registry has the schema under that id', () => {
  const schema = loadSchema('queue-conversation');
  const gives = [200, 'application/json', '{"id":7}'] as const;
  const idOf = async (...answers: readonly Answer[]): Promise<number> => {
    const registry = await answering(...answers);
    const options = { url: registry.url, logger: pino({ enabled: false }), triesAtStart: 2 };
    return createRegistrySchemas(options).idOf('s', schema).finally(registry.stop);
  };

  test('in any spelling', async () => {
    const text = JSON.stringify(JSON.parse(schema.text), null, 7);
    expect(await idOf(gives, [200, 'application/json', JSON.stringify({ schema: text })])).toBe(7);
  });

  test.each([
    ['another schema', [200, 'application/json', SCHEMA]],
    ['no schema', [404, 'application/json', LACKS]],
    ['a schema that nobody can read', [200, 'application/json', '{"schema":"{"}']],
  ] as const)('%s: a role that starts waits', async (_, answer) => {
    const asking = idOf(gives, answer);
    await expect(asking).rejects.toThrow(AwayError);
    await expect(asking).rejects.toThrow(/subject s has id 7, but has (no|another) schema under that id/);
  });

  test('no answer: it asks again', async () => {
    const away = [503, 'text/plain', ''] as const;
    const text = JSON.stringify({ schema: schema.text });
    expect(await idOf(gives, away, gives, [200, 'application/json', text])).toBe(7);
  });
});

test.each([
  [301, UsageError],
  [302, AwayError],
  [307, AwayError],
  [308, UsageError],
])('a redirect of the registry (%i) is not followed, and the message names where it leads', async (status, Problem) => {
  const server = createServer((_, response) => {
    response.writeHead(status, { location: '/login?token=secret' }).end('<html>moved</html>');
  });
  const { url, stop } = await listenOnLoopback(server);
  const options = { url, logger: pino({ enabled: false }), triesAtStart: 1 };
  const said = `SCHEMA_REGISTRY_URL: ${url} redirects to ${url}/login, which queuefold does not follow. `;
  try {
    const asking = createRegistrySchemas(options).idOf('s', loadSchema('queue-conversation'));
    await expect(asking).rejects.toThrow(Problem);
    await expect(asking).rejects.toThrow(said);
    await expect(checkSubject(options, 's')).rejects.toThrow(said);
    const [found] = await checkRegistry({ registry: { url }, subjects: [] });
    expect(found?.detail).toContain(said);
  } finally {
    await stop();
  }
});

describe('a schema that the registry has and nobody here can read makes a record unreadable, and nothing waits for it', () => {
  const shown = (answer: object): string => JSON.stringify(answer);
  const avro = (schema: object, more: object = {}): string => shown({ schema: JSON.stringify(schema), ...more });

  test.each([
    // Older registries take a default that does not fit.
    ['Avro that avsc refuses', avro({ type: 'record', name: 'r', fields: [{ name: 'a', type: 'int', default: 'x' }] })],
    ['no JSON', shown({ schema: '{"type":' })],
    [
      'JSON Schema of a dialect that the client does not know',
      shown({ schemaType: 'JSON', schema: '{"$schema":"https://json-schema.org/draft/2020-12/schema"}' }),
    ],
    ['Protobuf that is damaged', shown({ schemaType: 'PROTOBUF', schema: 'message {' })],
    ['a kind of schema that nobody knows', shown({ schemaType: 'XSD', schema: '<schema/>' })],
  ])('%s', async (_, body) => {
    const registry = await answering([200, 'application/json', body]);
    try {
      const schemas = createRegistrySchemas({ url: registry.url, logger: pino({ enabled: false }) });
      expect(await schemas.writerOf(7)).toBeNull();
    } finally {
      await registry.stop();
    }
  });

  test('Avro that refers to a schema which was deleted', async () => {
    const references = [{ name: 'o', subject: 'other', version: 1 }];
    const schema = avro({ type: 'record', name: 'r', fields: [{ name: 'a', type: 'o' }] }, { references });
    const gone = JSON.stringify({ error_code: 40402, message: 'Version 1 not found.' });
    const registry = await answering(
      [200, 'application/json', schema],
      [404, 'application/json', gone],
      [200, 'application/json', schema],
    );
    try {
      const schemas = createRegistrySchemas({ url: registry.url, logger: pino({ enabled: false }) });
      expect(await schemas.writerOf(7)).toBeNull();
    } finally {
      await registry.stop();
    }
  });
});
