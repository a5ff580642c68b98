import { randomUUID } from 'node:crypto';
import { failed, type Finding, type NameKind, ok, warning } from '../../common';
import { NAME_LISTS } from '../queues/name-lists';
import type { HttpRequest } from '../rest/http';
import { told, type Asker, type Reply } from './asker';

/** A permission, what it is for, and a request that needs it and changes nothing. */
export interface Permission {
  readonly name: string;
  /** What the bridge cannot do without it. */
  readonly lost: string;
  readonly without: 'failed' | 'warning';
  readonly method: HttpRequest['method'];
  readonly path: string;
  readonly body?: unknown;
  /** A status other than 2xx that also shows the permission. */
  readonly alsoFine?: number;
}

export const QUEUE_VIEW: Permission = {
  name: 'routing:queue:view',
  lost: 'the bridge finds no queues and does not start',
  without: 'failed',
  method: 'GET',
  path: '/api/v2/routing/queues?pageNumber=1&pageSize=1',
};

/** @param queueId a queue that the client sees, because an activity query needs one */
export function permissionsBeside(queueId: string): readonly Permission[] {
  // An id of no conversation. Genesys answers 404 only to a client that has the permission.
  const nobodys = randomUUID();
  return [
    {
      name: 'conversation:communication:view',
      lost: 'the bridge cannot ask for what it missed while no socket was open, and rows of ended conversations stay',
      without: 'failed',
      method: 'GET',
      path: `/api/v2/conversations/${nobodys}`,
      alsoFine: 404,
    },
    {
      name: 'analytics:queueObservation:view',
      lost: 'the bridge does not find conversations that began while no socket was open',
      without: 'failed',
      method: 'POST',
      path: '/api/v2/analytics/conversations/activity/query',
      body: {
        metrics: [{ metric: 'oWaiting' }],
        groupBy: ['queueId'],
        filter: {
          type: 'or',
          predicates: [{ type: 'dimension', dimension: 'queueId', operator: 'matches', value: queueId }],
        },
      },
    },
    {
      name: 'analytics:conversationDetail:view',
      lost: 'the bridge asks one by one, not by the hundred, whether conversations have ended',
      without: 'warning',
      method: 'GET',
      path: `/api/v2/analytics/conversations/details?id=${nobodys}`,
      alsoFine: 404,
    },
  ];
}

/** The permissions for names, except that for queues, which the bridge needs anyway. */
export function permissionsOfNames(kinds: readonly NameKind[]): readonly Permission[] {
  return kinds
    .filter((kind) => kind !== 'queue')
    .map((kind) => ({
      name: NAME_LISTS[kind].permission,
      lost: `tables show ${kind}s by their ids only`,
      without: 'warning',
      method: 'GET',
      path: `${NAME_LISTS[kind].route}?pageNumber=1&pageSize=1`,
    }));
}

export async function checkPermission(asker: Asker, permission: Permission): Promise<Finding> {
  const { name, method, path, body, alsoFine } = permission;
  const reply = await asker.ask(method, path, body);
  return judge(permission, reply, reply.status === alsoFine && reply.code !== null ? name : null);
}

function judge(permission: Permission, reply: Reply, fine: string | null): Finding {
  const { name, lost, without } = permission;
  const title = `genesys ${name}`;
  if (fine !== null || (reply.status >= 200 && reply.status <= 299)) return ok(title, 'permitted');
  const say = without === 'failed' ? failed : warning;
  if (reply.status === 403 && reply.code !== null) {
    const wanted = reply.permissions.length > 0 ? reply.permissions : [name];
    const missing = reply.permissions.length > 0 ? `Genesys wants ${wanted.join(', ')}` : 'not permitted';
    return say(title, `${missing} (${told(reply)}): ${lost}`, grant(wanted));
  }
  if (reply.status === 401) {
    return failed(
      title,
      `Genesys refuses the token (${told(reply)})`,
      'Is GENESYS_API_URL the API of the same region?',
    );
  }
  if (reply.status === 429) {
    return warning(
      title,
      `unknown, because this client sends too many requests (${told(reply)})`,
      'Try again in a minute.',
    );
  }
  const hint =
    reply.code === null && reply.status < 500
      ? 'The answer has no error code of Genesys. Is there a proxy in between, and is GENESYS_API_URL right?'
      : 'Try again. If the answer stays the same, ask Genesys.';
  return say(title, `unknown (${told(reply)}). Without the permission ${lost}`, hint);
}

export function grant(permissions: readonly string[]): string {
  return `Add ${permissions.join(', ')} to a role of the OAuth client, in the divisions of the queues.`;
}
