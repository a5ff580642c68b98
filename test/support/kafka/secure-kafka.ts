import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createAuthority, type Authority, type CertificateWishes } from '../network/certificates';
import { freePorts } from '../network/free-ports';
import { startTokenEndpoint, type TokenEndpoint } from '../network/token-endpoint';
import { ownKafkaForTests } from '../services/services';

/** A broker that accepts only known users, and lets them do only what an ACL allows. */
export interface SecureKafka {
  readonly authority: Authority;
  readonly tokens: TokenEndpoint;
  /** Without TLS, as a user with all rights. */
  readonly superBrokers: readonly string[];
  /** Mutual TLS: the common name of the certificate is the user. */
  readonly ssl: string;
  /** SASL by every mechanism, over TLS. */
  readonly sasl: string;
  /** Listeners with TLS and these certificates, by name. */
  readonly others: Readonly<Record<string, string>>;
  /** The password of each user, and the secret of each OAuth client of the same name. */
  passwordOf(user: string): string;
  dispose(): Promise<void>;
}

export interface SecureKafkaOptions {
  readonly users: readonly string[];
  /** Users that also get SCRAM credentials. */
  readonly scramUsers?: readonly string[];
  /** More listeners with TLS, each with its own certificate; names in capital letters. */
  readonly otherCertificates?: Readonly<Record<string, CertificateWishes>>;
  /** How long the tokens of a client live; default: an hour. */
  readonly tokenSeconds?: (client: string) => number;
  readonly overrides?: Readonly<Record<string, string | number | boolean>>;
}

const LOGIN = 'org.apache.kafka.common.security';
const VALIDATOR = `${LOGIN}.oauthbearer.OAuthBearerValidatorCallbackHandler`;
const passwordOf = (user: string): string => `password-of-${user}`;

export async function secureKafkaForTests(options: SecureKafkaOptions): Promise<SecureKafka> {
  const { users, scramUsers = [], otherCertificates = {}, tokenSeconds = () => 3_600 } = options;
  const authority = await createAuthority();
  const folder = await mkdtemp(join(tmpdir(), 'queuefold-secure-kafka-'));
  const keystoreOf = async (name: string, wishes: CertificateWishes): Promise<string> => {
    const { cert, key } = await authority.issue(wishes);
    const path = join(folder, `${name}.pem`);
    await writeFile(path, `${key}\n${cert}\n`);
    return path;
  };
  const truststore = join(folder, 'authority.pem');
  await writeFile(truststore, authority.cert);
  const keystore = await keystoreOf('broker', { name: 'broker' });
  const clients = Object.fromEntries(users.map((user) => [user, passwordOf(user)]));
  const tokens = await startTokenEndpoint({ clients, lifeSeconds: tokenSeconds });
  const [sslPort = 0, saslPort = 0, ...otherPorts] = await freePorts(2 + Object.keys(otherCertificates).length);
  const [ssl, sasl] = [`127.0.0.1:${sslPort}`, `127.0.0.1:${saslPort}`];
  const others: Record<string, string> = {};
  const keystores: Record<string, string> = {};
  for (const [index, [name, wishes]] of Object.entries(otherCertificates).entries()) {
    others[name] = `127.0.0.1:${otherPorts[index] ?? 0}`;
    keystores[`listener.name.${name.toLowerCase()}.ssl.keystore.location`] = await keystoreOf(name, wishes);
  }
  const more = Object.entries(others)
    .map(([name, address]) => `,${name}://${address}`)
    .join('');
  const protocols = Object.keys(others)
    .map((name) => `,${name}:SSL`)
    .join('');

  const kafka = await ownKafkaForTests({
    formatFlags: scramUsers.flatMap((user) =>
      ['SCRAM-SHA-256', 'SCRAM-SHA-512'].flatMap((mechanism) => [
        '--add-scram',
        `${mechanism}=[name=${user},password=${passwordOf(user)}]`,
      ]),
    ),
    jvmFlags: [`-Dorg.apache.kafka.sasl.oauthbearer.allowed.urls=${tokens.jwksUrl}`],
    overrides: ({ clientPort, controllerPort }) => {
      const plain = `PLAINTEXT://127.0.0.1:${clientPort}`;
      return {
        listeners: `${plain},CONTROLLER://127.0.0.1:${controllerPort},SSL://${ssl},SASL_SSL://${sasl}${more}`,
        'advertised.listeners': `${plain},SSL://${ssl},SASL_SSL://${sasl}${more}`,
        'listener.security.protocol.map': `PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT,SSL:SSL,SASL_SSL:SASL_SSL${protocols}`,
        'authorizer.class.name': 'org.apache.kafka.metadata.authorizer.StandardAuthorizer',
        'super.users': 'User:ANONYMOUS',
        'allow.everyone.if.no.acl.found': false,
        'ssl.keystore.type': 'PEM',
        'ssl.keystore.location': keystore,
        'ssl.truststore.type': 'PEM',
        'ssl.truststore.location': truststore,
        'listener.name.ssl.ssl.client.auth': 'required',
        'ssl.principal.mapping.rules': 'RULE:^CN=([^,]+).*$/$1/',
        'sasl.enabled.mechanisms': 'PLAIN,SCRAM-SHA-256,SCRAM-SHA-512,OAUTHBEARER',
        'listener.name.sasl_ssl.plain.sasl.jaas.config': `${LOGIN}.plain.PlainLoginModule required ${users.map((user) => `user_${user}="${passwordOf(user)}"`).join(' ')};`,
        ...Object.fromEntries(
          ['scram-sha-256', 'scram-sha-512'].map((mechanism) => [
            `listener.name.sasl_ssl.${mechanism}.sasl.jaas.config`,
            `${LOGIN}.scram.ScramLoginModule required;`,
          ]),
        ),
        'listener.name.sasl_ssl.oauthbearer.sasl.jaas.config': `${LOGIN}.oauthbearer.OAuthBearerLoginModule required;`,
        'listener.name.sasl_ssl.oauthbearer.sasl.server.callback.handler.class': VALIDATOR,
        'listener.name.sasl_ssl.oauthbearer.sasl.oauthbearer.jwks.endpoint.url': tokens.jwksUrl,
        'listener.name.sasl_ssl.oauthbearer.sasl.oauthbearer.expected.audience': 'kafka',
        ...keystores,
        ...options.overrides,
      };
    },
  });
  const dispose = async (): Promise<void> => {
    await kafka.dispose();
    await tokens.stop();
    await rm(folder, { recursive: true, force: true });
  };
  return { authority, tokens, superBrokers: kafka.brokers, ssl, sasl, others, passwordOf, dispose };
}
