import type { IncomingHttpHeaders } from 'node:http';
import { secretCheck } from '../../ops';

/**
 * Whether a request has the token, in one of the ways that clients offer: `Authorization: Bearer …`, `X-ClickHouse-Key:
 * …`, or as the password of any user (`curl -u`, DBeaver, Grafana). Not in the URL, because URLs are logged.
 */
export function bearing(token: string): (headers: IncomingHttpHeaders) => boolean {
  const isToken = secretCheck(token);
  return (headers) => presented(headers).some(isToken);
}

function presented({ authorization = '', 'x-clickhouse-key': key }: IncomingHttpHeaders): readonly string[] {
  const [, bearer] = /^Bearer +(\S+)$/i.exec(authorization) ?? [];
  const [, basic] = /^Basic +(\S+)$/i.exec(authorization) ?? [];
  const [, password] = /^[^:]*:(.*)$/s.exec(Buffer.from(basic ?? '', 'base64').toString('utf8')) ?? [];
  return [bearer, password, key].filter((each): each is string => typeof each === 'string');
}
