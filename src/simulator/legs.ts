import type { Address, Leg, Medium, Party, Purpose } from './model';
import type { PersonalData } from './personal';
import type { Random } from './random';

/** Facts that are the same for all legs of a conversation. */
export interface Facts {
  readonly customerNumber: string;
  readonly dialledNumber: string;
  readonly callbackNumber: string;
  readonly callbackName: string;
  /**
   * Recorded notifications of callbacks lack a direction, but recorded REST answers have one. The organization chooses
   * at random.
   */
  readonly callbackDirection: string | null;
  readonly callbackScheduledAt: number | null;
  readonly customerAddress: string;
  readonly ownAddress: string;
  readonly subject: string;
  readonly messageType: string;
  /** For e-mails and messages: legs other than the customer's may lack the direction. */
  readonly directionEverywhere: boolean;
  readonly scriptId: string;
}

const SUBJECTS = ['Order 10-2231', 'Re: Rechnung für März', '請求書について', 'Invoice ☃ overdue', 'No subject'];
const MESSAGE_TYPES = ['sms', 'whatsapp', 'webmessaging', 'facebook', 'open', 'instagram', 'apple'];

export function drawFacts(random: Random, personal: PersonalData, startedAt: number): Facts {
  const digits = (): string => String(random.integer(1_000_000, 9_999_999));
  return {
    customerNumber: `tel:+4420${digits()}`,
    dialledNumber: `tel:+44800${digits()}`,
    callbackNumber: `+4420${digits()}`,
    callbackName: personal.person(),
    callbackDirection: random.pick([null, 'inbound', 'outbound']),
    callbackScheduledAt: random.chance(0.5) ? startedAt + random.integer(20_000, 120_000) : null,
    customerAddress: `4477${digits()}`,
    ownAddress: `44800${digits()}`,
    subject: random.pick(SUBJECTS),
    messageType: random.pick(MESSAGE_TYPES),
    directionEverywhere: random.chance(0.7),
    scriptId: random.uuid(),
  };
}

export interface LegOptions {
  readonly medium: Medium;
  readonly state: string;
  readonly direction?: 'inbound' | 'outbound';
}

interface Maker {
  readonly facts: Facts;
  readonly random: Random;
  readonly personal: PersonalData;
}

const PROVIDER: Readonly<Record<Medium, string>> = {
  call: 'Edge',
  callback: 'PureCloud Callback',
  chat: 'PureCloud Webchat v2',
  email: 'PureCloud Email',
  message: 'PureCloud Messaging',
};

/** A new leg of a participant at `now`, with the addresses and the noise of its medium on the wire. */
export function makeLeg(maker: Maker, party: Party, now: number, options: LegOptions): Leg {
  const { facts, random } = maker;
  const { medium, state } = options;
  const connectedAt = state === 'connected' ? now : null;
  return {
    id: random.uuid(),
    medium,
    openedAt: now,
    initialState: state,
    state,
    ended: false,
    direction: legDirection(facts, party.purpose, options),
    provider: PROVIDER[medium],
    connectedAt,
    disconnectedAt: null,
    disconnectType: null,
    ...addresses(maker, party, options),
    callbackNumber: medium === 'callback' ? facts.callbackNumber : null,
    subject: medium === 'email' ? facts.subject : null,
    messageType: medium === 'message' ? facts.messageType : null,
    messages: [],
    work: null,
    extra: legNoise(maker, party.purpose, medium),
  };
}

function legDirection(facts: Facts, purpose: Purpose, { medium, direction }: LegOptions): string | null {
  if (medium === 'chat') return null;
  if (medium === 'callback') return facts.callbackDirection;
  if (medium !== 'call' && !facts.directionEverywhere && purpose !== 'customer') return null;
  return direction ?? 'inbound';
}

function addresses(maker: Maker, party: Party, { medium, direction }: LegOptions): Pick<Leg, 'from' | 'to'> {
  const { facts } = maker;
  const address = (value: string): Address => makeAddress(maker, value);
  if (medium === 'message') {
    const [customer, own] = [address(facts.customerAddress), address(facts.ownAddress)];
    return direction === 'outbound' ? { from: own, to: customer } : { from: customer, to: own };
  }
  if (medium !== 'call') return { from: null, to: null };
  if (party.purpose === 'customer' || party.purpose === 'external') {
    return { from: address(facts.customerNumber), to: address(facts.dialledNumber) };
  }
  const own = party.userId ?? party.queueId ?? party.purpose;
  return { from: address(`sip:${own}@acme.orgspan.com`), to: address(facts.customerNumber) };
}

function makeAddress({ random, personal }: Maker, value: string): Address {
  const rawOnly = random.chance(0.1);
  const name = personal.person();
  return {
    value,
    rawOnly,
    extra: {
      name,
      nameRaw: name,
      addressDisplayable: personal.phone(),
      ...(rawOnly ? {} : { addressRaw: personal.phone() }),
      additionalProperties: {},
    },
  };
}

function legNoise(maker: Maker, purpose: Purpose, medium: Medium): Record<string, unknown> {
  const { facts, random, personal } = maker;
  const common: Record<string, unknown> = {
    held: false,
    scriptId: facts.scriptId,
    afterCallWorkRequired: false,
    ...(purpose === 'customer' ? {} : { peerId: random.uuid() }),
    ...(random.chance(0.3) ? { queueMediaSettings: { alertingTimeoutSeconds: 30, enableAutoAnswer: false } } : {}),
    ...(random.chance(0.05) ? { errorInfo: { code: 'info', message: personal.sentence(), messageParams: {} } } : {}),
    // Genesys adds fields and values without notice, and no client may fail on them.
    ...(random.chance(0.1) ? { engagementScoreV3: { value: 0.25, reasons: [null, 'x'] } } : {}),
    additionalProperties: {},
  };
  return { ...common, ...MEDIUM_NOISE[medium](maker) };
}

const MEDIUM_NOISE: Readonly<Record<Medium, (maker: Maker) => Record<string, unknown>>> = {
  call: ({ random, personal }) => ({
    recording: random.chance(0.5),
    recordingState: 'active',
    muted: false,
    confined: false,
    securePause: false,
    disconnectReasons: [],
    uuiData: personal.person(),
    faxStatus: {},
    disposition: {},
  }),
  callback: ({ facts, personal }) => ({
    // The first is empty in recordings, the table shows the second, and nobody uses the third.
    callbackNumbers: ['', facts.callbackNumber, personal.phone()],
    callbackUserName: facts.callbackName,
    callerId: personal.phone(),
    callerIdName: facts.callbackName,
    externalCampaign: false,
    skipEnabled: true,
    timeoutSeconds: 0,
    dialerPreview: {},
    ...(facts.callbackScheduledAt === null
      ? {}
      : { callbackScheduledTime: new Date(facts.callbackScheduledAt).toISOString() }),
  }),
  chat: ({ personal }) => ({
    roomId: `${personal.personId()}@conference.acme.orgspan.com`,
    avatarImageUrl: personal.url('avatars'),
    journeyContext: { customer: { id: personal.personId(), idType: 'cookie' }, customerSession: {} },
  }),
  email: ({ random, personal }) => ({
    autoGenerated: false,
    spam: false,
    messagesSent: 0,
    messageId: random.uuid(),
    draftAttachments: [{ attachmentId: random.uuid(), name: personal.person(), contentUri: personal.url('drafts') }],
  }),
  message: ({ personal }) => ({
    messagesTranscriptUri: personal.url('conversations/messages/transcripts'),
    recipientCountry: 'GB',
    recipientType: '',
    journeyContext: { customer: { id: personal.personId(), idType: 'phone' }, triggeringAction: {} },
  }),
};
