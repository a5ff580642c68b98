import type { QueueConversation } from './row';

/** The values that the table's description lists (specification, section 1). The lists are open: others pass, counted. */
export const KNOWN_VALUES = {
  media_type: words('Voice Email Callback Chat Message'),
  purpose: words(
    'acd agent api botflow campaign customer dialer external fax group inbound ivr manual outbound station user voicemail voicesurveyflow workflow',
  ),
  state: words(
    'alerting dialing contacting offering connected disconnected terminated uploading converting transmitting scheduled none',
  ),
  direction: words('inbound outbound'),
  message_type: words(
    'unknown sms twitter facebook line viber wechat whatsapp telegram kakao webmessaging open instagram',
  ),
  message_status: words('queued sent failed received delivery-success delivery-failed read removed published'),
  disconnect_type: words(
    'endpoint endpoint.dnd client system timeout transfer transfer.conference transfer.consult transfer.forward transfer.noanswer transfer.notavailable transfer.dnd transport.failure error peer other spam uncallable',
  ),
  acw_state: words('unknown skipped pending complete notApplicable'),
} as const satisfies Partial<Record<keyof QueueConversation, ReadonlySet<string>>>;

export type ListedColumn = keyof typeof KNOWN_VALUES;

const LISTED_COLUMNS = Object.keys(KNOWN_VALUES) as ListedColumn[];

/** The columns whose value is on no list. */
export function unlistedColumns(row: QueueConversation): readonly ListedColumn[] {
  return LISTED_COLUMNS.filter((column) => {
    const value = row[column];
    return value !== null && !KNOWN_VALUES[column].has(value);
  });
}

function words(list: string): ReadonlySet<string> {
  return new Set(list.split(' '));
}
