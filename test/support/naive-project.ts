/** Part of the naive model: section 5 of the specification, from its text alone. */
import { compareBytes, progressTimes, queuedMembers, same, type Leg, type Member } from './naive-merge';
import { MEDIA } from './naive-wire';

export type NaiveRow = Record<string, string | number | boolean | null>;

const isOneOf = (purpose: string | null, ...purposes: string[]): boolean =>
  purposes.some((each) => same(purpose, each));

function latestMember(members: readonly Member[]): Member | undefined {
  const candidates = members.filter(({ supervisor, legs }) => !supervisor && legs.length > 0);
  const latest = candidates.at(-1);
  if (latest === undefined || latest.legs.some(({ ended }) => !ended)) return latest;
  const times = [
    latest.fields.connectedTime,
    ...latest.legs.flatMap(({ fields }) => [fields.connectedTime, ...progressTimes(fields)]),
  ].filter((time) => time !== null);
  if (times.length === 0) return latest;
  const others = candidates
    .slice(0, -1)
    .filter(({ fields }) => !isOneOf(fields.purpose, 'customer', 'external', 'acd'))
    .filter(({ legs }) =>
      legs.some(
        ({ fields: { connectedTime } }) => connectedTime !== null && times.every((each) => connectedTime >= each),
      ),
    );
  return others.at(-1) ?? latest;
}

const place = (medium: string): number => MEDIA.findIndex(([, name]) => name === medium);
const lowest = (time: number | null): number => time ?? -Number.MAX_VALUE;

/** Ascending: the latest last. */
function compareLegs(a: Leg, b: Leg): number {
  if (a.ended !== b.ended) return a.ended ? -1 : 1;
  const byEnd = a.ended ? lowest(a.fields.disconnectedTime) - lowest(b.fields.disconnectedTime) : 0;
  return (
    byEnd ||
    lowest(a.fields.connectedTime) - lowest(b.fields.connectedTime) ||
    place(a.medium) - place(b.medium) ||
    a.index - b.index ||
    compareBytes(a.id, b.id)
  );
}

const latestLeg = (member: Member | undefined): Leg | undefined => member?.legs.toSorted(compareLegs).at(-1);

function direction(members: readonly Member[], leg: Leg | undefined): string | null {
  if (leg === undefined) return null;
  if (leg.fields.direction !== null) return leg.fields.direction;
  const customer = members.find(
    ({ fields, legs }) => isOneOf(fields.purpose, 'customer', 'external') && legs.length > 0,
  );
  return latestLeg(customer)?.fields.direction ?? (leg.medium === 'Chat' ? 'inbound' : null);
}

function addresses(
  member: Member | undefined,
  leg: Leg | undefined,
  way: string | null,
): [ani: string | null, dnis: string | null] {
  if (member === undefined || leg === undefined) return [null, null];
  const { self, other, from, to, callbackNumber } = leg.fields;
  if (leg.medium === 'Message') return [from, to];
  if (leg.medium === 'Callback') return [callbackNumber, null];
  if (leg.medium !== 'Voice') return [null, null];
  const customer = isOneOf(member.fields.purpose, 'customer', 'external');
  if (way === 'inbound') return customer ? [self, other] : [other, self];
  if (way === 'outbound') return customer ? [other, self] : [self, other];
  return [null, null];
}

function messageStatus(leg: Leg): string | null {
  const entries = leg.fields.messages ?? [];
  const greatest = Math.max(...entries.map(({ time }) => lowest(time)));
  return entries.findLast(({ time }) => lowest(time) === greatest)?.status ?? null;
}

/** A participant's own connected time; null: none known. */
export function realConnectedTime(member: Member): number | null {
  if (member.fields.connectedTime !== null) return member.fields.connectedTime;
  const times = member.legs.map(({ fields }) => fields.connectedTime).filter((time) => time !== null);
  return times.length === 0 ? null : Math.min(...times);
}

/** All columns but the db_ ones and connected_time. */
export function naiveProjection(members: readonly Member[]): NaiveRow {
  const member = latestMember(members);
  const leg = latestLeg(member);
  const queue = queuedMembers(members).at(-1);
  const way = direction(members, leg);
  const [ani, dnis] = addresses(member, leg, way);
  const skilled = members.findLast(({ fields }) => same(fields.purpose, 'acd') && fields.skills !== null);
  return {
    queue_id: queue?.fields.queueId ?? null,
    queue_connected_time: queue === undefined ? null : (realConnectedTime(queue) ?? queue.queuedAt),
    waiting: queue?.legs.some(({ ended }) => !ended) ?? false,
    session_id: leg?.id ?? null,
    communication_id: leg?.id ?? null,
    media_type: leg?.medium ?? null,
    state: leg?.fields.state ?? null,
    provider: leg?.fields.provider ?? null,
    disconnect_type: leg?.fields.disconnectType ?? null,
    acw_state: leg?.fields.afterCallWork?.state ?? null,
    subject: leg?.medium === 'Email' ? leg.fields.subject : null,
    message_type: leg?.medium === 'Message' ? leg.fields.messageType : null,
    message_status: leg?.medium === 'Message' ? messageStatus(leg) : null,
    purpose: member?.fields.purpose?.toLowerCase() ?? null,
    participant_id: member?.id ?? null,
    user_id: member?.fields.userId ?? null,
    direction: way,
    ani,
    dnis,
    routing_skill_id: skilled?.fields.skills?.join(',') ?? null,
  };
}
