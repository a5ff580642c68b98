import { explainTls, type Fetch, messageOf, OperatorError, peerOf, UsageError } from '../../common';
import { failing } from './failure';
import { SqlError, type SqlRequest, type SqlTarget } from './sql';

export interface ServerOptions {
  /** For messages. */
  readonly name: string;
  readonly url: string;
  /** Null: the server chooses. */
  readonly database: string | null;
  readonly ask: Fetch;
  /** A token belongs to an embedded ClickHouse, which knows no users and is read-only by itself. */
  readonly user: User | { readonly token: string };
}

interface User {
  readonly name: string;
  readonly password: string;
  readonly hasCertificate: boolean;
}

type Settings = Readonly<Record<string, string>>;

/**
 * `readonly` is 2, because 1 would forbid a statement's own SETTINGS, too. The second setting keeps the message of a
 * failure at the end of the body: before 25.11 a server would write it as one more row of JSON.
 */
const READ_SETTINGS: Settings = { readonly: '2', http_write_exception_in_output_format: '0' };
/** The server's refusal of a setting, ours or the statement's, if the user's profile is read-only. */
const SETTING_REFUSED = /^Code: 164\. .*Cannot modify '\w+' setting in readonly mode/;

/** ClickHouse's HTTP interface. */
export function serverTarget({ name, url, database, ask, user }: ServerOptions): SqlTarget {
  const isEmbedded = 'token' in user;
  let readSettings: Settings = isEmbedded ? {} : READ_SETTINGS;
  const headers = isEmbedded ? { Authorization: `Bearer ${user.token}` } : headersOf(user);

  const send = async ({ sql, format, params, access }: SqlRequest, settings: Settings, signal: AbortSignal) => {
    const address = new URL(url);
    const query = address.searchParams;
    query.set('default_format', format);
    // The server holds the answer back until the query is done. So a failed query gives no data before its error.
    query.set('wait_end_of_query', '1');
    if (database !== null) query.set('database', database);
    for (const [key, value] of Object.entries(access === 'read' ? settings : {})) query.set(key, value);
    for (const [key, value] of Object.entries(params)) query.set(`param_${key}`, value);
    const response = await ask(address, { method: 'POST', body: sql, headers, signal }).catch(
      async (error: unknown) => {
        throw signal.aborted ? error : await unreachable(error);
      },
    );
    if (!response.ok || response.headers.has('X-ClickHouse-Exception-Code')) {
      throw new SqlError((await response.text()).trimEnd());
    }
    return response;
  };
  const unreachable = async (error: unknown): Promise<OperatorError> => {
    const hasCertificate = !isEmbedded && user.hasCertificate;
    const tls = await explainTls(error, {
      ...{ address: name, ca: 'TLS_CA', pair: 'CLICKHOUSE_SSL', hasCertificate },
      peer: peerOf(url),
    });
    const Problem = tls?.isConfiguration === false ? OperatorError : UsageError;
    if (tls !== null) return new Problem(`${name}: ${url}: ${tls.detail}. ${tls.remedy}`);
    return new OperatorError(`${name}: cannot reach ClickHouse at ${url} (${causeOf(error)}).`);
  };

  /** Whether the user's own profile has readonly = 1, which forbids every change and every setting. */
  const isReadOnlyUser = async (signal: AbortSignal): Promise<boolean> => {
    const probe = { sql: "SELECT getSetting('readonly')", format: 'TSVRaw', params: {}, access: 'read' } as const;
    return (await (await send(probe, {}, signal)).text()).trim() === '1';
  };

  return {
    run: async (request, signal) => {
      if (request.access === 'write' && isEmbedded) {
        throw new OperatorError(
          `--write: the ClickHouse of ${name} (\`queuefold start\`) is read-only for others. End that process: then --write ` +
            'changes the tables that it leaves.',
        );
      }
      const response = await send(request, readSettings, signal).catch(async (error: unknown) => {
        const isRefused = error instanceof SqlError && SETTING_REFUSED.test(error.message);
        if (!isRefused || readSettings !== READ_SETTINGS || !(await isReadOnlyUser(signal))) throw error;
        readSettings = {};
        return send(request, readSettings, signal);
      });
      const { body, headers: answered } = response;
      if (body === null) return empty();
      return failing(body, answered.get('X-ClickHouse-Exception-Tag'), (error) => {
        if (signal.aborted) return error;
        return new OperatorError(`${name}: ClickHouse at ${url} broke off its answer (${causeOf(error)}).`);
      });
    },
    close: () => Promise.resolve(),
  };
}

function headersOf({ name, password, hasCertificate }: User): Record<string, string> {
  return {
    'X-ClickHouse-User': name,
    'X-ClickHouse-Key': password,
    // Beside a password the certificate only opens the connection, because a server refuses both at once.
    ...(hasCertificate && password === '' ? { 'X-ClickHouse-SSL-Certificate-Auth': 'on' } : {}),
  };
}

async function* empty(): AsyncIterable<Uint8Array> {
  await Promise.resolve();
}

/** fetch hides the network's error behind "fetch failed". */
function causeOf(error: unknown): string {
  return messageOf(error instanceof Error && error.cause !== undefined ? error.cause : error);
}
