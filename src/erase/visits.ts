import { type Log, readVisitKey } from '../log';

/** Follows which visits of some conversations the visits topic has. */
export interface VisitWatch {
  /** The participants of a conversation whose visit's last record is no tombstone. */
  of(conversationId: string): readonly string[];
  stop(): Promise<void>;
}

/** Resolves when the topic has been read to its end. The key names the conversation; a visit has no address. */
export async function watchVisits(
  log: Pick<Log, 'read'>,
  topic: string,
  ids: ReadonlySet<string>,
): Promise<VisitWatch> {
  const known = new Map<string, Set<string>>();
  const reading = await log.read({
    topics: [topic],
    follow: true,
    onRecord: ({ key, value }) => {
      const visit = key === null ? null : readVisitKey(key.toString());
      if (visit === null || !ids.has(visit.conversation_id)) return;
      const participants = known.get(visit.conversation_id) ?? new Set();
      known.set(visit.conversation_id, participants);
      if (value === null) participants.delete(visit.participant_id);
      else participants.add(visit.participant_id);
    },
  });
  try {
    await reading.caughtUp;
  } catch (error) {
    await reading.stop();
    throw error;
  }
  return {
    of: (conversationId) => [...(known.get(conversationId) ?? [])],
    stop: () => reading.stop(),
  };
}
