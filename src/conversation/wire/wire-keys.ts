import { MEDIA } from '../media';

/** Every key that `readWire` looks at, on any level. A test holds the two together. */
export const WIRE_KEYS: readonly string[] = [
  ...['receivedAt', 'event', 'gone', 'topicName', 'eventBody', 'detail', 'timestamp', 'result', 'message'],
  ...['id', 'participants', 'purpose', 'queueId', 'userId', 'connectedTime', 'consultParticipantId'],
  ...['monitoredParticipantId', 'coachedParticipantId', 'bargedParticipantId', 'screenMonitoredParticipantId'],
  ...['conversationRoutingData', 'skills'],
  ...MEDIA.map(([array]) => array),
  ...['state', 'direction', 'provider', 'disconnectType', 'startAlertingTime', 'disconnectedTime'],
  ...['afterCallWork', 'startTime', 'endTime'],
  ...['self', 'other', 'fromAddress', 'toAddress', 'addressNormalized', 'addressRaw', 'callbackNumbers', 'subject'],
  ...['type', 'messages', 'messageTime', 'messageStatus'],
];
