import type { QueueConversation } from './row';

/** The sources of known values. The lists are open: other values pass, and are counted (specification, section 1). */
const SOURCES = {
  table: 'the description of the table',
  sdk: "the models QueueConversationEventTopic… of Genesys's SDK (Python 257.1.0, JavaScript 262.0.0)",
  campaigns: 'organizations with outbound campaigns; no model of the SDK lists purposes',
} as const;

type Source = keyof typeof SOURCES;

const LISTS = {
  media_type: { table: 'Voice Email Callback Chat Message' },
  purpose: {
    table:
      'acd agent api botflow campaign customer dialer external fax group inbound ivr manual outbound station user voicemail voicesurveyflow workflow',
    campaigns: 'dialer.system',
  },
  state: {
    table:
      'alerting dialing contacting offering connected disconnected terminated uploading converting transmitting scheduled none',
    sdk: 'parked',
  },
  direction: { table: 'inbound outbound' },
  message_type: {
    table: 'unknown sms twitter facebook line viber wechat whatsapp telegram kakao webmessaging open instagram',
    sdk: 'apple',
  },
  message_status: { table: 'queued sent failed received delivery-success delivery-failed read removed published' },
  disconnect_type: {
    table:
      'endpoint endpoint.dnd client system timeout transfer transfer.conference transfer.consult transfer.forward transfer.noanswer transfer.notavailable transfer.dnd transport.failure error peer other spam uncallable',
    sdk: 'inactivity session.expired takeover',
  },
  acw_state: { table: 'unknown skipped pending complete notApplicable' },
} as const satisfies Partial<Record<keyof QueueConversation, Partial<Record<Source, string>>>>;

export type ListedColumn = keyof typeof LISTS;

const LISTED_COLUMNS = Object.keys(LISTS) as ListedColumn[];

export interface KnownValue {
  readonly column: ListedColumn;
  readonly value: string;
  /** For people. */
  readonly source: string;
}

export const KNOWN_VALUES: readonly KnownValue[] = LISTED_COLUMNS.flatMap((column) =>
  (Object.entries(LISTS[column]) as [Source, string][]).flatMap(([source, values]) =>
    values.split(' ').map((value) => ({ column, value, source: SOURCES[source] })),
  ),
);

const KNOWN: ReadonlyMap<ListedColumn, ReadonlySet<string>> = new Map(
  LISTED_COLUMNS.map((column) => [
    column,
    new Set(KNOWN_VALUES.filter((known) => known.column === column).map(({ value }) => value)),
  ]),
);

/** The columns whose value no list contains. */
export function unlistedColumns(row: QueueConversation): readonly ListedColumn[] {
  return LISTED_COLUMNS.filter((column) => {
    const value = row[column];
    return value !== null && KNOWN.get(column)?.has(value) !== true;
  });
}
