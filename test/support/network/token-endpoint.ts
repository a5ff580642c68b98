import { generateKeyPairSync, sign } from 'node:crypto';
import { createServer } from 'node:http';
import { text } from 'node:stream/consumers';
import { listenOnLoopback } from './loopback-server';

/** The part of an identity provider with the client credentials grant that Kafka needs. */
export interface TokenEndpoint {
  /** `KAFKA_SASL_OAUTH_TOKEN_URL` */
  readonly tokenUrl: string;
  readonly jwksUrl: string;
  /** The scopes of each issued token. */
  readonly given: readonly string[];
  /** Answers the next requests with this status instead of a token; null: tokens again. */
  answerWith(status: number | null): void;
  stop(): Promise<void>;
}

export interface TokenEndpointOptions {
  /** Client id → secret; the id is the token's subject, and Kafka's principal. */
  readonly clients: Readonly<Record<string, string>>;
  readonly lifeSeconds: (client: string) => number;
}

const KEY_ID = 'test';

export async function startTokenEndpoint({ clients, lifeSeconds }: TokenEndpointOptions): Promise<TokenEndpoint> {
  const { privateKey, publicKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
  const jwk = { ...publicKey.export({ format: 'jwk' }), kid: KEY_ID, use: 'sig', alg: 'RS256' };
  const given: string[] = [];
  let instead: number | null = null;

  const tokenFor = (subject: string): string => {
    const now = Math.floor(Date.now() / 1_000);
    const parts = [
      { alg: 'RS256', typ: 'JWT', kid: KEY_ID },
      { sub: subject, iat: now, exp: now + lifeSeconds(subject), scope: 'kafka', aud: 'kafka' },
    ].map((part) => Buffer.from(JSON.stringify(part)).toString('base64url'));
    return [...parts, sign('sha256', Buffer.from(parts.join('.')), privateKey).toString('base64url')].join('.');
  };

  const server = createServer((request, response) => {
    const answer = (status: number, body: object): void => {
      response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body));
    };
    void text(request).then((body) => {
      if (request.url === '/jwks') {
        answer(200, { keys: [jwk] });
        return;
      }
      if (instead !== null) {
        answer(instead, { error: 'temporarily_unavailable' });
        return;
      }
      const form = new URLSearchParams(body);
      const [, basic = ''] = /^Basic (.+)$/.exec(request.headers.authorization ?? '') ?? [];
      const [id = '', secret = ''] = Buffer.from(basic, 'base64').toString().split(':').map(decodeURIComponent);
      if (form.get('grant_type') !== 'client_credentials') {
        answer(400, { error: 'unsupported_grant_type' });
        return;
      }
      if (clients[id] === undefined || clients[id] !== secret) {
        answer(401, { error: 'invalid_client' });
        return;
      }
      given.push(form.get('scope') ?? '');
      answer(200, { access_token: tokenFor(id), token_type: 'Bearer', expires_in: lifeSeconds(id) });
    });
  });
  const { url, stop } = await listenOnLoopback(server);
  return {
    tokenUrl: `${url}/token`,
    jwksUrl: `${url}/jwks`,
    given,
    answerWith: (status) => {
      instead = status;
    },
    stop,
  };
}
