import { randomUUID } from 'node:crypto';
import { createServer, type IncomingMessage } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { pino } from 'pino';
import { OperatorError } from '../../../src/common';
import { loadConfig } from '../../../src/config';
import { printableRow, type QueueConversation, STATE_COLUMNS } from '../../../src/conversation';
import { createRowCodec } from '../../../src/log/codec/codecs';
import { createRegistrySchemas, registerSchema, type RegistryOptions } from '../../../src/log/codec/registry';
import { checkRegistry } from '../../../src/log/codec/registry-doctor';
import type { SchemaSource } from '../../../src/log/codec/schema-source';
import { loadSchema, type AvroSchema } from '../../../src/log/codec/schemas';
import { createValueCodec, type ValueCodec } from '../../../src/log/codec/value-codec';
import { topicNames, valueSubject, type TopicNames } from '../../../src/log/topics';
import { registryOptions } from '../../../src/wiring';
import { aRow } from '../../support/conversation/rows';
import { startHttpFront } from '../../support/network/http-front';
import { startTokenEndpoint, type TokenEndpoint } from '../../support/network/token-endpoint';
import { eventually } from '../../support/processes/until';
import { ownRegistryForTests, registryForTests } from '../../support/services/services';

const logger = pino({ enabled: false });
const current = loadSchema('queue-conversation');

interface Field {
  readonly name: string;
  readonly type: unknown;
  readonly default?: unknown;
}

/** Another version of QueueConversation. */
function version(change: (fields: readonly Field[]) => readonly Field[]): AvroSchema {
  const schema = JSON.parse(current.text) as { fields: Field[] };
  return { name: 'queue-conversation', text: JSON.stringify({ ...schema, fields: change(schema.fields) }) };
}

const earlier = version((fields) => fields.filter(({ name }) => name !== 'acw_state'));
const incompatible = version((fields) => [...fields, { name: 'needed', type: 'string' }]);

/** What a process of the version with this schema reads and writes. */
function codecOf(
  schemas: SchemaSource,
  schema: AvroSchema,
  topics: TopicNames,
): Promise<ValueCodec<QueueConversation>> {
  return createValueCodec<QueueConversation>({
    schemas,
    subject: valueSubject(topics.state),
    schema,
    toAvro: (row) => row,
    fromAvro: (decoded) => decoded as QueueConversation,
  });
}

describe('schemas in a real registry', () => {
  let options: RegistryOptions;
  beforeAll(async () => {
    options = { url: (await registryForTests()).url, logger };
  });
  const newTopics = () => topicNames(`schemas-${randomUUID()}`);

  async function read(codec: ValueCodec<QueueConversation>, value: Buffer): Promise<object> {
    await codec.prepare([value]);
    const decoded = codec.decode(value);
    if (!decoded.ok) throw new Error(decoded.message);
    return printableRow(decoded.value, STATE_COLUMNS);
  }

  test('two versions of a schema live under one subject, and both versions of the program read both', async () => {
    const topics = newTopics();
    const subject = valueSubject(topics.state);
    expect(await registerSchema(options, subject, earlier, 'apply')).toBe('registered');
    expect(await registerSchema(options, subject, current, 'apply')).toBe('registered');
    expect(await registerSchema(options, subject, earlier, 'apply')).toBe('unchanged');
    const old = await codecOf(createRegistrySchemas(options), earlier, topics);
    const now = await createRowCodec(createRegistrySchemas(options), topics);

    const row = aRow({ acw_state: 'pending' });
    const withoutWork = { ...printableRow(row, STATE_COLUMNS), acw_state: null };
    expect(await read(now, now.encode(row))).toEqual(printableRow(row, STATE_COLUMNS));
    expect(await read(now, old.encode(row))).toEqual(withoutWork);
    expect({ ...(await read(old, now.encode(row))), acw_state: null }).toEqual(withoutWork);
    expect(now.encode(row).subarray(0, 5)).not.toEqual(old.encode(row).subarray(0, 5));
  });

  test('a version that others could not read is refused, naming subject and level', async () => {
    const subject = valueSubject(newTopics().state);
    await registerSchema(options, subject, current, 'apply');
    const refused = registerSchema(options, subject, incompatible, 'apply');
    await expect(refused).rejects.toThrow(OperatorError);
    await expect(refused).rejects.toThrow(new RegExp(`${subject}.*FULL_TRANSITIVE`));
  });

  test('a dry run registers nothing; roles register nothing either, and name the remedy', async () => {
    const topics = newTopics();
    const subject = valueSubject(topics.state);
    expect(await registerSchema(options, subject, current, 'dry-run')).toBe('registered');
    const codec = createRowCodec(createRegistrySchemas(options), topics);
    await expect(codec).rejects.toThrow(/lacks .*queuefold setup/);
    expect((await fetch(`${options.url}/subjects/${subject}/versions`)).status).toBe(404);
  });

  test('an id that the registry does not know is a value that cannot be read, not a wait', async () => {
    const topics = newTopics();
    await registerSchema(options, valueSubject(topics.state), current, 'apply');
    const codec = await createRowCodec(createRegistrySchemas(options), topics);
    const value = codec.encode(aRow({}));
    value.writeInt32BE(2 ** 31 - 1, 1);
    await codec.prepare([value]);
    expect(codec.decode(value)).toMatchObject({ ok: false, reason: 'unknown-schema' });
  });
});

describe('a registry whose schemas others register', () => {
  /** As Terraform's jsonencode writes it. */
  const compact = JSON.stringify(JSON.parse(current.text));
  const post = async (url: string, path: string, schema: string): Promise<number> => {
    const headers = { 'content-type': 'application/vnd.schemaregistry.v1+json' };
    return (await fetch(`${url}${path}`, { method: 'POST', headers, body: JSON.stringify({ schema }) })).status;
  };
  /** In front of a registry that registers nothing, as in mode READONLY. */
  const readOnly = (request: IncomingMessage): boolean =>
    request.method !== 'PUT' && !(request.method === 'POST' && request.url?.endsWith('/versions') === true);

  test('in another spelling is found: nothing is to be registered, and the roles get its id', async () => {
    const { url } = await registryForTests();
    const subject = valueSubject(topicNames(`spelling-${randomUUID()}`).state);
    expect(compact).not.toBe(current.text);
    expect(await post(url, `/subjects/${subject}/versions`, compact)).toBe(200);
    // The registry compares texts, so it takes a question in our spelling for one about another schema.
    expect(await post(url, `/subjects/${subject}`, current.text)).toBe(404);
    const front = await startHttpFront({ target: url, admits: readOnly });
    const options = { url: front.url, logger };
    expect(await registerSchema(options, subject, current, 'apply')).toBe('unchanged');
    expect(await createRegistrySchemas(options).idOf(subject, current)).toBeGreaterThan(0);
    const found = await checkRegistry({ registry: options, subjects: [{ subject, schema: current }] });
    expect(found.map(({ detail }) => detail).join()).toMatch(/this version’s schema is registered/);
    await front.stop();
  });

  test.each([
    ['a bearer token', () => Promise.resolve('Bearer abc')],
    [
      'one by OAuth, another each time',
      (() => {
        let n = 0;
        return () => Promise.resolve(`Bearer abc${++n}`);
      })(),
    ],
  ])('%s goes with every question', async (_, authorization) => {
    const { url } = await registryForTests();
    const seen = new Set<string | undefined>();
    const admits = ({ headers }: IncomingMessage): boolean => {
      seen.add(headers.authorization);
      return headers.authorization?.startsWith('Bearer abc') === true;
    };
    const front = await startHttpFront({ target: url, admits });
    const options = { url: front.url, logger, authorization };
    const topics = topicNames(`bearer-${randomUUID()}`);
    expect(await registerSchema(options, valueSubject(topics.state), current, 'apply')).toBe('registered');
    const schemas = createRegistrySchemas(options);
    const id = await schemas.idOf(valueSubject(topics.state), current);
    expect(await schemas.writerOf(id)).not.toBeNull();
    expect(seen).not.toContain(undefined);
    await expect(
      createRegistrySchemas({ url: front.url, logger }).idOf(valueSubject(topics.state), current),
    ).rejects.toThrow(/refuses queuefold \(HTTP 401\).*SCHEMA_REGISTRY_TOKEN/);
    await front.stop();
  });
});

describe('a registry that takes tokens of an identity provider', () => {
  const CLIENT = { id: 'queuefold', secret: 'the secret of this test' };
  /** A third of a life is left, but at least 20 s: a token of 21 s is renewed after one. */
  const LIFE_SECONDS = 21;
  let provider: TokenEndpoint;
  beforeAll(async () => {
    provider = await startTokenEndpoint({
      clients: { [CLIENT.id]: CLIENT.secret },
      lifeSeconds: () => LIFE_SECONDS,
    });
  });
  afterAll(() => provider.stop());

  const optionsFor = (url: string, secret: string): RegistryOptions => {
    const env = {
      SCHEMA_REGISTRY_URL: url,
      SCHEMA_REGISTRY_OAUTH_TOKEN_URL: provider.tokenUrl,
      SCHEMA_REGISTRY_USERNAME: CLIENT.id,
      SCHEMA_REGISTRY_PASSWORD: secret,
      SCHEMA_REGISTRY_OAUTH_SCOPE: 'registry',
    };
    return registryOptions(loadConfig({ env }), url, logger);
  };

  test('gets one with each question, and another before the first has ended', async () => {
    const { url } = await registryForTests();
    const seen = new Set<string>();
    const front = await startHttpFront({
      target: url,
      admits: ({ headers: { authorization = '' } }) => {
        const [, payload = ''] = /^Bearer [\w-]+\.([\w-]+)\.[\w-]+$/.exec(authorization) ?? [];
        if (payload === '') return false;
        seen.add(authorization);
        const { sub, exp } = JSON.parse(Buffer.from(payload, 'base64url').toString()) as { sub: string; exp: number };
        return sub === CLIENT.id && exp * 1_000 > Date.now();
      },
    });
    const options = optionsFor(front.url, CLIENT.secret);
    const subject = valueSubject(topicNames(`oauth-${randomUUID()}`).state);
    expect(await registerSchema(options, subject, current, 'apply')).toBe('registered');
    await eventually(async () => {
      expect(await registerSchema(options, subject, current, 'apply')).toBe('unchanged');
      return seen.size > 1;
    });
    expect(new Set(provider.given)).toEqual(new Set(['registry']));
    // While it cannot be renewed it is used to its end.
    provider.answerWith(503);
    expect(await registerSchema(options, subject, current, 'apply')).toBe('unchanged');
    provider.answerWith(null);
    await front.stop();
  });

  test('is not asked where the provider refuses the client, and the settings are named', async () => {
    const attempt = registerSchema(optionsFor('http://127.0.0.1:1', 'wrong'), 'one-value', current, 'apply');
    await expect(attempt).rejects.toThrow(
      /SCHEMA_REGISTRY_OAUTH_TOKEN_URL: .*invalid_client.*SCHEMA_REGISTRY_PASSWORD/,
    );
  });
});

describe('a registry that registers nothing', () => {
  test('names the subject, the file and the mode', async () => {
    const answers = createServer((request, response) => {
      const isQuestion = request.method === 'POST' && request.url?.includes('/versions') !== true;
      response
        .writeHead(isQuestion ? 404 : 422, { 'content-type': 'application/json' })
        .end(JSON.stringify({ error_code: isQuestion ? 40403 : 42205, message: 'Subject is in read-only mode' }));
    });
    await new Promise<void>((resolve) => answers.listen(0, '127.0.0.1', resolve));
    const url = `http://127.0.0.1:${(answers.address() as AddressInfo).port}`;
    await expect(registerSchema({ url, logger }, 'one-value', current, 'apply')).rejects.toThrow(
      /READONLY.*one-value.*schemas\/avro\/queue-conversation\.avsc/,
    );
    await new Promise((resolve) => answers.close(resolve));
  });
});

describe('a registry that stops answering', () => {
  let registry: Awaited<ReturnType<typeof ownRegistryForTests>>;
  beforeAll(async () => {
    registry = await ownRegistryForTests();
  });
  afterAll(() => registry.dispose());

  test('is waited for when an unknown schema id comes: nothing is taken for unreadable meanwhile', async () => {
    const options = { url: registry.url, logger };
    const topics = topicNames('away');
    const subject = valueSubject(topics.state);
    await registerSchema(options, subject, earlier, 'apply');
    await registerSchema(options, subject, current, 'apply');
    const value = (await codecOf(createRegistrySchemas(options), earlier, topics)).encode(aRow({ state: 'parked' }));
    const reader = await createRowCodec(createRegistrySchemas(options), topics);

    await registry.kill9();
    let known = false;
    const preparing = reader.prepare([value])?.then(() => (known = true));
    await new Promise((resolve) => setTimeout(resolve, 1_500));
    expect(known).toBe(false);
    await registry.restart();
    await preparing;
    expect(reader.decode(value)).toMatchObject({ ok: true, value: { state: 'parked', acw_state: null } });
  });
});
