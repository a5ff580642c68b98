import type { ConversationEvent } from '../../../src/conversation';
import type { NaiveEvent } from './naive-wire';

/** An event of the events topic, for the naive model. */
export function naiveEventOf({ conversationId, receivedAt, gone, participants }: ConversationEvent): NaiveEvent {
  return {
    id: conversationId,
    at: receivedAt,
    gone,
    participants: participants.map(({ id, position, supervisor, communications, ...fields }) => ({
      id,
      position,
      supervisor,
      fields: {
        purpose: fields.purpose,
        queueId: fields.queueId,
        userId: fields.userId,
        connectedTime: fields.connectedTime,
        consult: fields.consult ? true : null,
        skills: fields.skills,
      },
      communications: communications.map((leg) => ({
        id: leg.id,
        medium: leg.medium,
        index: leg.index,
        fields: {
          state: leg.state,
          direction: leg.direction,
          provider: leg.provider,
          disconnectType: leg.disconnectType,
          startAlertingTime: leg.startAlertingTime,
          connectedTime: leg.connectedTime,
          disconnectedTime: leg.disconnectedTime,
          afterCallWork: leg.afterCallWork,
          messages:
            leg.messages?.map(({ messageTime, messageStatus }) => ({ time: messageTime, status: messageStatus })) ??
            null,
          messageType: leg.messageType,
          self: leg.self,
          other: leg.other,
          from: leg.fromAddress,
          to: leg.toAddress,
          callbackNumber: leg.callbackNumber,
          subject: leg.subject,
        },
      })),
    })),
  };
}
