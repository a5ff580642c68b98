import { isPrimary } from './media';
import { isEnded, type Communication, type Participant } from './state';

/**
 * The participants with the communications that count. Secondary ones count only in a conversation without any primary
 * one (specification, section 2).
 */
export interface Counted {
  readonly participants: readonly Participant[];
  communications(of: Participant): readonly Communication[];
}

export function counted(participants: readonly Participant[]): Counted {
  let primary = false;
  let secondary = false;
  for (const participant of participants) {
    for (const communication of participant.communications) {
      if (isPrimary(communication.medium)) primary = true;
      else secondary = true;
    }
  }
  return {
    participants,
    communications:
      primary && secondary
        ? (of) => of.communications.filter((communication) => isPrimary(communication.medium))
        : (of) => of.communications,
  };
}

export function hasLiveCommunication(of: Counted, participant: Participant): boolean {
  return of.communications(participant).some((communication) => !isEnded(communication));
}
