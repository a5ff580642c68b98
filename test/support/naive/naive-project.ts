/** Part of the naive model: section 5 of the specification, from its text alone. */
import { compareBytes, progressTimes, queuedMembers, same, type Leg, type Member } from './naive-merge';
import { MEDIA } from './naive-wire';

export type NaiveRow = Record<string, string | number | boolean | null>;

const isOneOf = (purpose: string | null, ...purposes: string[]): boolean =>
  purposes.some((each) => same(purpose, each));

export const place = (medium: string): number => MEDIA.findIndex(([, name]) => name === medium);
const lowest = (time: number | null): number => time ?? -Number.MAX_VALUE;

/** Ascending, so the latest comes last. */
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

export const latestLeg = (member: Member | undefined): Leg | undefined => member?.legs.toSorted(compareLegs).at(-1);

/** Section 5, "latest participant": L, or one of the three numbered exceptions, in the words of the text. */
function latestMember(members: readonly Member[], somebodyWaits: boolean): Member | undefined {
  const these = members.filter(({ supervisor, legs }) => !supervisor && legs.length > 0);
  const L = these.pop();
  if (L === undefined || L.legs.some(({ ended }) => !ended)) return L;
  const others = these.filter(({ fields }) => !isOneOf(fields.purpose, 'customer', 'external', 'acd'));

  if (somebodyWaits) {
    const timesOfL = [
      L.fields.connectedTime,
      ...L.legs.flatMap(({ fields }) => [fields.connectedTime, ...progressTimes(fields)]),
    ].filter((time) => time !== null);
    if (timesOfL.length === 0) return L;
    const back = others.filter(({ legs }) =>
      legs.some(
        ({ fields: { connectedTime } }) => connectedTime !== null && timesOfL.every((each) => connectedTime >= each),
      ),
    );
    return back.at(-1) ?? L;
  }

  const talking = others
    .filter(({ fields, legs }) => isOneOf(fields.purpose, 'agent', 'user') && legs.some(({ ended }) => !ended))
    .map((member) => ({ member, key: lowest(latestLeg(member)?.fields.connectedTime ?? null) }));
  const gone = [...others, L].map((member) => ({
    member,
    key: Math.max(...member.legs.map(({ fields }) => fields.disconnectedTime ?? Number.MAX_VALUE)),
  }));
  // Sorting is stable, and they come in the order of their positions.
  return (talking.length > 0 ? talking : gone).sort((a, b) => a.key - b.key).at(-1)?.member;
}

/** Section 5, "queue_id": the queued acd participant that gives it. */
function queueMember(
  queued: readonly Member[],
  somebodyWaits: boolean,
  member: Member | undefined,
  leg: Leg | undefined,
): Member | undefined {
  const connectedTime = leg?.fields.connectedTime ?? null;
  const isException =
    !somebodyWaits &&
    member !== undefined &&
    !isOneOf(member.fields.purpose, 'customer', 'external', 'acd') &&
    connectedTime !== null;
  if (!isException) return queued.at(-1);
  return (
    queued.findLast((each) => {
      const real = realConnectedTime(each);
      return real === null || real <= connectedTime;
    }) ?? queued.at(-1)
  );
}

export function direction(members: readonly Member[], leg: Leg | undefined): string | null {
  if (leg !== undefined && leg.fields.direction !== null) return leg.fields.direction;
  const customer = members.find(
    ({ fields, legs }) => isOneOf(fields.purpose, 'customer', 'external') && legs.length > 0,
  );
  return latestLeg(customer)?.fields.direction ?? (leg?.medium === 'Chat' ? 'inbound' : null);
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

/** All columns except the db_ ones and connected_time. */
export function naiveProjection(members: readonly Member[]): NaiveRow {
  const queued = queuedMembers(members);
  const waiting = queued.at(-1)?.legs.some(({ ended }) => !ended) ?? false;
  const member = latestMember(members, waiting);
  const leg = latestLeg(member);
  const queue = queueMember(queued, waiting, member, leg);
  const way = leg === undefined ? null : direction(members, leg);
  const [ani, dnis] = addresses(member, leg, way);
  const skilled = members.findLast(({ fields }) => same(fields.purpose, 'acd') && fields.skills !== null);
  return {
    queue_id: queue?.fields.queueId ?? null,
    queue_connected_time: queue === undefined ? null : (realConnectedTime(queue) ?? queue.queuedAt),
    waiting,
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
