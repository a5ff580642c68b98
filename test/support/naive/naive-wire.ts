/**
 * Part of the naive model: section 2 of the specification, written from its text alone. It deliberately shares nothing
 * with src/.
 */
export interface NaiveMessage {
  readonly time: number | null;
  readonly status: string | null;
}

export interface NaiveFields {
  readonly state: string | null;
  readonly direction: string | null;
  readonly provider: string | null;
  readonly disconnectType: string | null;
  readonly startAlertingTime: number | null;
  readonly connectedTime: number | null;
  readonly disconnectedTime: number | null;
  readonly afterCallWork: {
    readonly state: string | null;
    readonly startTime: number | null;
    readonly endTime: number | null;
  } | null;
  readonly messages: readonly NaiveMessage[] | null;
  readonly messageType: string | null;
  readonly self: string | null;
  readonly other: string | null;
  readonly from: string | null;
  readonly to: string | null;
  readonly callbackNumber: string | null;
  readonly subject: string | null;
}

export interface NaiveCommunication {
  readonly id: string;
  readonly medium: string;
  readonly index: number;
  readonly fields: NaiveFields;
}

export interface NaivePerson {
  readonly purpose: string | null;
  readonly queueId: string | null;
  readonly userId: string | null;
  readonly connectedTime: number | null;
  /** True: it has a consultParticipantId; null: it does not. */
  readonly consult: true | null;
  readonly skills: readonly string[] | null;
}

export interface NaiveParticipant {
  readonly id: string;
  readonly position: number;
  readonly fields: NaivePerson;
  readonly supervisor: boolean;
  readonly communications: readonly NaiveCommunication[];
}

export interface NaiveEvent {
  readonly id: string;
  readonly at: number;
  readonly gone: boolean;
  readonly participants: readonly NaiveParticipant[];
  /** For an event merged from several: their places in the window of duplicates. */
  readonly parts?: readonly { readonly at: number; readonly content: string }[];
}

/** "arrays in the order of section 2" */
export const MEDIA: readonly (readonly [array: string, medium: string, primary: boolean])[] = [
  ['calls', 'Voice', true],
  ['callbacks', 'Callback', true],
  ['chats', 'Chat', true],
  ['emails', 'Email', true],
  ['messages', 'Message', true],
  ['cobrowsesessions', 'Cobrowse', false],
  ['screenshares', 'ScreenShare', false],
  ['socialExpressions', 'SocialExpression', false],
  ['videos', 'Video', false],
  ['internalMessages', 'InternalMessage', false],
  ['screenMonitorings', 'ScreenMonitoring', false],
];

type Json = Record<string, unknown>;

const isObject = (value: unknown): value is Json =>
  typeof value === 'object' && value !== null && !Array.isArray(value);
const objectOr = (value: unknown): Json => (isObject(value) ? value : {});
const has = (value: Json, key: string): boolean => Object.hasOwn(value, key);
const arrayOr = (value: unknown): unknown[] => (Array.isArray(value) ? (value as unknown[]) : []);

export const naiveString = (value: unknown): string | null =>
  typeof value === 'string' && value !== '' ? value.toWellFormed() : null;

const TIME =
  /^([0-9]{4})-([0-9]{2})-([0-9]{2})T([0-9]{2}):([0-9]{2})(?::([0-9]{2})(?:\.([0-9]+))?)?(?:Z|([+-])([0-9]{2})(?::([0-9]{2}))?)$/;

export function naiveTime(value: unknown): number | null {
  if (typeof value !== 'string') return null;
  const match = TIME.exec(value);
  if (match === null) return null;
  const number = (group: number): number => Number(match[group] ?? '0');
  const [year, month, day, hour, minute, second] = [1, 2, 3, 4, 5, 6].map(number) as [
    number,
    number,
    number,
    number,
    number,
    number,
  ];
  const leap = (year % 4 === 0 && year % 100 !== 0) || year % 400 === 0;
  const daysOfMonth = [31, leap ? 29 : 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31][month - 1] ?? 0;
  if (day < 1 || day > daysOfMonth || hour > 23 || minute > 59 || second > 59) return null;
  if (number(9) > 23 || number(10) > 59) return null;
  const offsetMinutes = (match[8] === '-' ? -1 : 1) * (number(9) * 60 + number(10));
  const milliseconds = Number((match[7] ?? '').slice(0, 3).padEnd(3, '0'));
  const date = new Date(Date.UTC(2000, 0, 1, hour, minute, second, milliseconds));
  date.setUTCFullYear(year, month - 1, day);
  const time = date.getTime() - offsetMinutes * 60_000;
  const yearInUtc = new Date(time).getUTCFullYear();
  return yearInUtc >= 1900 && yearInUtc <= 2299 ? time : null;
}

function address(value: unknown): string | null {
  const found = objectOr(value);
  return naiveString(found['addressNormalized']) ?? naiveString(found['addressRaw']);
}

const REST_SPELLINGS: Readonly<Record<string, string>> = {
  'endpoint.donotdisturb': 'endpoint.dnd',
  'transfer.donotdisturb': 'transfer.dnd',
};

/** An object without anything that this page uses counts as absent ("`{}` for an absent reference"). */
function afterCallWork(value: unknown): NaiveFields['afterCallWork'] {
  const found = objectOr(value);
  const work = {
    state: naiveString(found['state']),
    startTime: naiveTime(found['startTime']),
    endTime: naiveTime(found['endTime']),
  };
  return Object.values(work).every((field) => field === null) ? null : work;
}

function messages(value: unknown, medium: string): NaiveMessage[] | null {
  const found = arrayOr(value)
    .filter(isObject)
    .map((message) => ({
      time: naiveTime(message['messageTime']),
      status: medium === 'Message' ? naiveString(message['messageStatus']) : null,
    }));
  return found.length === 0 ? null : found;
}

/** Fields that section 5 uses only of one medium are read only from that medium. */
const SPECIFIC: Readonly<Record<string, readonly string[]>> = {
  Voice: ['self', 'other'],
  Message: ['fromAddress', 'toAddress', 'type'],
  Callback: ['callbackNumbers'],
  Email: ['subject'],
};

function communicationFields(wire: Json, medium: string, supervisor: boolean): NaiveFields {
  const disconnectType = naiveString(wire['disconnectType']);
  // docs/design.md, choice 7: a supervisor's addresses and subject are dropped already here.
  const specific = Object.fromEntries((SPECIFIC[medium] ?? []).map((key) => [key, wire[key]]));
  const personal = supervisor ? {} : specific;
  return {
    state: naiveString(wire['state']),
    direction: naiveString(wire['direction']),
    provider: naiveString(wire['provider']),
    disconnectType: disconnectType === null ? null : (REST_SPELLINGS[disconnectType] ?? disconnectType),
    startAlertingTime: naiveTime(wire['startAlertingTime']),
    connectedTime: naiveTime(wire['connectedTime']),
    disconnectedTime: naiveTime(wire['disconnectedTime']),
    afterCallWork: afterCallWork(wire['afterCallWork']),
    messages: messages(wire['messages'], medium),
    messageType: naiveString(specific['type']),
    self: address(personal['self']),
    other: address(personal['other']),
    from: address(personal['fromAddress']),
    to: address(personal['toAddress']),
    callbackNumber:
      arrayOr(personal['callbackNumbers'])
        .map(naiveString)
        .find((each) => each !== null) ?? null,
    subject: naiveString(personal['subject']),
  };
}

/** Null: invalid. */
function participant(wire: unknown, position: number): NaiveParticipant | null {
  if (!isObject(wire)) return null;
  const id = naiveString(wire['id']);
  if (id === null) return null;
  const supervisor = [
    'monitoredParticipantId',
    'coachedParticipantId',
    'bargedParticipantId',
    'screenMonitoredParticipantId',
  ].some((flag) => naiveString(wire[flag]) !== null);
  const communications: NaiveCommunication[] = [];
  for (const [array, medium] of MEDIA) {
    for (const [index, each] of arrayOr(wire[array]).entries()) {
      if (!isObject(each)) return null;
      const communicationId = naiveString(each['id']);
      if (communicationId === null) return null;
      communications.push({
        id: communicationId,
        medium,
        index,
        fields: communicationFields(each, medium, supervisor),
      });
    }
  }
  const skills = arrayOr(objectOr(wire['conversationRoutingData'])['skills'])
    .map((skill) => naiveString(objectOr(skill)['id']))
    .filter((each) => each !== null);
  const fields = {
    purpose: naiveString(wire['purpose']),
    queueId: naiveString(wire['queueId']),
    userId: naiveString(wire['userId']),
    connectedTime: naiveTime(wire['connectedTime']),
    consult: naiveString(wire['consultParticipantId']) === null ? null : (true as const),
    skills: skills.length === 0 ? null : skills,
  };
  return { id, position, fields, supervisor, communications };
}

function conversation(wire: unknown, at: number): NaiveEvent | null {
  if (!isObject(wire)) return null;
  const id = naiveString(wire['id']);
  const list = wire['participants'] ?? [];
  if (id === null || !Array.isArray(list)) return null;
  const participants = (list as unknown[]).map(participant);
  if (participants.some((each) => each === null)) return null;
  const kept = participants.filter((each) => each !== null);
  if (kept.every((each) => each.communications.length === 0)) return null;
  return { id, at, gone: false, participants: kept };
}

const EVENT_TOPIC = /^v2\.(?:routing\.queues|users)\.[^.]+\.conversations$/;

function notification(wire: Json, at: number): NaiveEvent | null {
  const topic = wire['topicName'];
  return typeof topic === 'string' && EVENT_TOPIC.test(topic) ? conversation(wire['eventBody'], at) : null;
}

function otherShapes(wire: unknown, receivedAt: number | null, now: number): NaiveEvent | null {
  if (!isObject(wire)) return null;
  const detail = wire['detail'];
  if (isObject(detail) && (has(detail, 'eventBody') || has(detail, 'topicName'))) {
    return notification(detail, receivedAt ?? naiveTime(detail['timestamp']) ?? now);
  }
  const at = receivedAt ?? now;
  if (has(wire, 'topicName') || has(wire, 'eventBody')) return notification(wire, at);
  if ((has(wire, 'result') || has(wire, 'message')) && !has(wire, 'id') && !has(wire, 'participants')) return null;
  return conversation(wire, at);
}

/** Null: skipped or invalid, so it writes no record. */
export function naiveRead(line: string, now: number): NaiveEvent | null {
  let wire: unknown;
  try {
    wire = JSON.parse(line.replace(/^\uFEFF/, ''));
  } catch {
    return null;
  }
  if (!isObject(wire)) return null;
  const recording =
    has(wire, 'receivedAt') &&
    (has(wire, 'event') || has(wire, 'gone')) &&
    !has(wire, 'topicName') &&
    !has(wire, 'participants');
  if (!recording) return otherShapes(wire, null, now);
  const receivedAt = naiveTime(wire['receivedAt']);
  if (has(wire, 'event')) return otherShapes(wire['event'], receivedAt, now);
  const id = naiveString(objectOr(wire['gone'])['id']);
  return id === null ? null : { id, at: receivedAt ?? now, gone: true, participants: [] };
}
