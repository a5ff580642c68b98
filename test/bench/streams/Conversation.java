import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.Deque;
import java.util.HashSet;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Objects;
import java.util.Set;
import java.util.function.ToLongFunction;
import java.util.stream.Stream;
import org.apache.avro.generic.GenericFixed;
import org.apache.avro.generic.GenericRecord;
import org.apache.avro.io.BinaryDecoder;
import org.apache.avro.io.BinaryEncoder;
import org.apache.avro.io.DecoderFactory;
import org.apache.avro.io.EncoderFactory;

/**
 * What is known of one conversation, as a plain Kafka Streams program would keep it: written for the benchmark, after the
 * description of the fold (docs/explanation/fold.md), without visits, limits and after-call work.
 */
final class Conversation {
  static final long NONE = Long.MIN_VALUE;
  private static final int DUPLICATE_WINDOW = 8;
  private static final long DUPLICATE_WITHIN_MS = 10_000;
  private static final long ENDED_RETENTION_MS = 3_600_000;

  // The fields of a communication: each has the value of the version of the greatest rank that has one.
  private static final int STATE = 0, DIRECTION = 1, PROVIDER = 2, DISCONNECT_TYPE = 3, SELF = 4, OTHER = 5, FROM = 6,
      TO = 7, CALLBACK = 8, SUBJECT = 9, MESSAGE_TYPE = 10, WORK = 11, MESSAGE = 12, CONNECTED = 13, DISCONNECTED = 14, FIELDS = 15;
  private static final String[] TEXTS = {
    "state", "direction", "provider", "disconnectType", "self", "other", "fromAddress", "toAddress", "callbackNumber",
    "subject", "messageType"
  };
  private static final List<String> MEDIA = List.of("Voice", "Callback", "Chat", "Email", "Message", "Cobrowse",
      "ScreenShare", "SocialExpression", "Video", "InternalMessage", "ScreenMonitoring");
  private static final int PRIMARY = 5;

  private record Work(String state, long start, long end) {}

  private record Message(long time, String status) {}

  private record Recent(byte[] fingerprint, long at) {}

  private static final class Leg {
    String id, medium;
    int index;
    boolean connected, ended;
    long progress;
    final Object[] values = new Object[FIELDS];
    final boolean[] endedOf = new boolean[FIELDS];
    final long[] progressOf = new long[FIELDS];

    long time(int field) {
      return values[field] == null ? NONE : (Long) values[field];
    }

    String text(int field) {
      return (String) values[field];
    }
  }

  private static final class Participant {
    String id, purpose, queueId, userId;
    int position;
    long connectedTime = NONE, queuedAt = NONE;
    boolean supervisor;
    List<String> skills;
    final List<Leg> legs = new ArrayList<>();
  }

  /** Every column but db_last_updated, by name, and that. */
  record Row(Object[] columns, long updatedAt) {}

  /** The row to write, if any; then whether a tombstone follows. */
  record Outcome(Row row, boolean tombstone) {
    static final Outcome NOTHING = new Outcome(null, false);
  }

  private List<Participant> participants = new ArrayList<>();
  private Deque<Recent> recent = new ArrayDeque<>();
  private boolean hasRow;
  private long createdAt, updatedAt, connectedTime;
  private String provisionalFor;
  /** Of a conversation that has ended: since when; NONE: it has not. */
  private long endedAt = NONE;
  private Set<String> endedIds = new HashSet<>();
  private boolean primaryOnly;

  // ------------------------------------------------------------------------------------------------------------ folding

  Outcome fold(String id, GenericRecord event) {
    long now = (Long) event.get("receivedAt");
    boolean gone = (Boolean) event.get("gone");
    if (endedAt != NONE && Math.abs(now - endedAt) > ENDED_RETENTION_MS) forget();
    if (endedAt != NONE) return gone ? Outcome.NOTHING : afterTheEnd(id, event, now);
    Object[] before = hasRow ? project(id) : null;
    if (gone) {
      endAll();
    } else {
      @SuppressWarnings("unchecked")
      List<GenericRecord> seen = (List<GenericRecord>) event.get("participants");
      if (seen.stream().allMatch(one -> ((List<?>) one.get("communications")).isEmpty())) return Outcome.NOTHING;
      if (isDuplicate(event, now)) return Outcome.NOTHING;
      merge(seen, Set.of());
    }
    return advance(id, now, before, participant -> true);
  }

  private Outcome afterTheEnd(String id, GenericRecord event, long now) {
    @SuppressWarnings("unchecked")
    List<GenericRecord> seen = (List<GenericRecord>) event.get("participants");
    Conversation alone = new Conversation();
    alone.endedIds = endedIds;
    alone.merge(seen, endedIds);
    alone.markQueued(now);
    boolean opens = alone.isLive() && alone.participants.stream().anyMatch(one -> one.queuedAt != NONE && alone.isNew(one));
    if (opens) {
      forget();
      participants = alone.participants;
      endedIds = alone.endedIds;
      isDuplicate(event, now);
      return advance(id, now, null, this::isNew);
    }
    for (Participant one : alone.participants) for (Leg leg : one.legs) if (leg.ended) endedIds.add(leg.id);
    return Outcome.NOTHING;
  }

  private boolean isNew(Participant participant) {
    return legs(participant).anyMatch(leg -> !endedIds.contains(leg.id));
  }

  private Outcome advance(String id, long now, Object[] before, java.util.function.Predicate<Participant> mayStart) {
    markQueued(now);
    boolean live = isLive();
    if (!hasRow) {
      Participant first = live ? first(one -> one.queuedAt != NONE && mayStart.test(one)) : null;
      if (first != null) {
        hasRow = true;
        createdAt = now;
        updatedAt = NONE;
        long real = realConnectedTime(first);
        provisionalFor = real == NONE ? first.id : null;
        connectedTime = real == NONE ? first.queuedAt : real;
      } else {
        if (!live && participants.stream().anyMatch(one -> !one.supervisor && legs(one).findAny().isPresent())) end(now);
        return Outcome.NOTHING;
      }
    } else if (provisionalFor != null) {
      long real = realConnectedTime(first(one -> one.id.equals(provisionalFor)));
      if (real != NONE) {
        connectedTime = real;
        provisionalFor = null;
      }
    }
    Object[] after = project(id);
    if (live && java.util.Arrays.equals(before, after)) return Outcome.NOTHING;
    updatedAt = Math.max(updatedAt, now);
    Row row = new Row(after, updatedAt);
    if (!live) end(now);
    return new Outcome(row, !live);
  }

  private void end(long now) {
    for (Participant one : participants) for (Leg leg : one.legs) if (leg.ended) endedIds.add(leg.id);
    Set<String> ids = endedIds;
    forget();
    endedIds = ids;
    endedAt = now;
  }

  private void forget() {
    participants = new ArrayList<>();
    recent = new ArrayDeque<>();
    hasRow = false;
    endedAt = NONE;
    endedIds = new HashSet<>();
  }

  private boolean isDuplicate(GenericRecord event, long now) {
    byte[] fingerprint = ((GenericFixed) event.get("fingerprint")).bytes();
    for (Recent one : recent) {
      if (Math.abs(one.at - now) <= DUPLICATE_WITHIN_MS && java.util.Arrays.equals(one.fingerprint, fingerprint)) return true;
    }
    if (recent.size() == DUPLICATE_WINDOW) recent.removeFirst();
    recent.addLast(new Recent(fingerprint, now));
    return false;
  }

  private void endAll() {
    for (Participant one : participants) {
      for (Leg leg : one.legs) {
        if (leg.ended) continue;
        leg.ended = true;
        leg.values[STATE] = "disconnected";
        leg.endedOf[STATE] = true;
      }
    }
  }

  // ------------------------------------------------------------------------------------------------------------ merging

  private void merge(List<GenericRecord> snapshot, Set<String> knownEnded) {
    for (GenericRecord seen : snapshot) {
      String id = (String) seen.get("id");
      Participant known = first(one -> one.id.equals(id));
      if (known == null) {
        known = new Participant();
        known.id = id;
        participants.add(known);
      }
      known.position = Math.max(known.position, (Integer) seen.get("position"));
      known.purpose = either((String) seen.get("purpose"), known.purpose);
      known.queueId = either((String) seen.get("queueId"), known.queueId);
      known.userId = either((String) seen.get("userId"), known.userId);
      if (seen.get("connectedTime") != null) known.connectedTime = (Long) seen.get("connectedTime");
      known.supervisor |= (Boolean) seen.get("supervisor");
      @SuppressWarnings("unchecked")
      List<String> skills = (List<String>) seen.get("skills");
      if (skills != null) known.skills = List.copyOf(skills);
      @SuppressWarnings("unchecked")
      List<GenericRecord> legs = (List<GenericRecord>) seen.get("communications");
      for (GenericRecord leg : legs) mergeLeg(known.legs, leg, knownEnded);
    }
    participants.sort(Comparator.<Participant>comparingInt(one -> one.position).thenComparing(one -> one.id));
    primaryOnly = participants.stream().anyMatch(one -> one.legs.stream().anyMatch(leg -> order(leg) < PRIMARY));
  }

  private static <T> T either(T value, T otherwise) {
    return value == null ? otherwise : value;
  }

  private static void mergeLeg(List<Leg> legs, GenericRecord seen, Set<String> knownEnded) {
    String id = (String) seen.get("id");
    Leg leg = null;
    for (Leg one : legs) if (one.id.equals(id)) leg = one;
    boolean isNew = leg == null;
    if (isNew) {
      leg = new Leg();
      leg.id = id;
      leg.progress = NONE;
      legs.add(leg);
    }
    String state = (String) seen.get("state");
    long disconnected = time(seen, "disconnectedTime");
    boolean ended = state == null ? disconnected != NONE : state.equalsIgnoreCase("disconnected") || state.equalsIgnoreCase("terminated");
    if (!ended && knownEnded.contains(id)) {
      ended = true;
      state = "disconnected";
    }
    GenericRecord work = (GenericRecord) seen.get("afterCallWork");
    Message message = latestMessage(seen);
    long progress = Math.max(time(seen, "connectedTime"), disconnected);
    if (work != null) progress = Math.max(progress, Math.max(time(work, "startTime"), time(work, "endTime")));
    if (message != null) progress = Math.max(progress, message.time);

    leg.connected |= "connected".equals(seen.get("state"));
    leg.index = Math.max(leg.index, (Integer) seen.get("index"));
    if (isNew || !outranks(leg.ended, leg.progress, ended, progress)) {
      leg.medium = (String) seen.get("medium");
      leg.ended = ended;
      leg.progress = progress;
    }
    for (int field = 0; field < FIELDS; field++) {
      Object value = switch (field) {
        case STATE -> state;
        case WORK -> work == null ? null : new Work((String) work.get("state"), time(work, "startTime"), time(work, "endTime"));
        case MESSAGE -> message;
        case CONNECTED -> seen.get("connectedTime");
        case DISCONNECTED -> seen.get("disconnectedTime");
        default -> seen.get(TEXTS[field]);
      };
      if (value == null) continue;
      if (leg.values[field] != null && outranks(leg.endedOf[field], leg.progressOf[field], ended, progress)) continue;
      leg.values[field] = value;
      leg.endedOf[field] = ended;
      leg.progressOf[field] = progress;
    }
  }

  private static boolean outranks(boolean ended, long progress, boolean otherEnded, long otherProgress) {
    return ended == otherEnded ? progress > otherProgress : ended;
  }

  private static long time(GenericRecord record, String field) {
    Object value = record.get(field);
    return value == null ? NONE : (Long) value;
  }

  private static Message latestMessage(GenericRecord seen) {
    Message latest = null;
    @SuppressWarnings("unchecked")
    List<GenericRecord> messages = (List<GenericRecord>) seen.get("messages");
    if (messages == null) return null;
    for (GenericRecord one : messages) {
      long time = time(one, "messageTime");
      if (latest == null || time >= latest.time) latest = new Message(time, (String) one.get("messageStatus"));
    }
    return latest;
  }

  // --------------------------------------------------------------------------------------------------------- the row

  private Stream<Leg> legs(Participant participant) {
    return primaryOnly ? participant.legs.stream().filter(leg -> order(leg) < PRIMARY) : participant.legs.stream();
  }

  private static int order(Leg leg) {
    int order = MEDIA.indexOf(leg.medium);
    return order < 0 ? MEDIA.size() : order;
  }

  private Participant first(java.util.function.Predicate<Participant> wanted) {
    for (Participant one : participants) if (wanted.test(one)) return one;
    return null;
  }

  private Participant last(java.util.function.Predicate<Participant> wanted) {
    for (int at = participants.size() - 1; at >= 0; at--) if (wanted.test(participants.get(at))) return participants.get(at);
    return null;
  }

  private boolean isLive(Participant participant) {
    return legs(participant).anyMatch(leg -> !leg.ended);
  }

  private boolean isLive() {
    return participants.stream().anyMatch(one -> !one.supervisor && isLive(one));
  }

  private void markQueued(long now) {
    for (Participant one : participants) {
      if (one.queuedAt != NONE || one.queueId == null || !"acd".equals(purpose(one))) continue;
      if (one.connectedTime != NONE || legs(one).anyMatch(leg -> leg.connected || leg.values[CONNECTED] != null)) one.queuedAt = now;
    }
  }

  private static String purpose(Participant participant) {
    return participant.purpose == null ? null : participant.purpose.toLowerCase(Locale.ROOT);
  }

  private static boolean isOutside(String purpose) {
    return "customer".equals(purpose) || "external".equals(purpose);
  }

  private static boolean isHandler(String purpose) {
    return !"acd".equals(purpose) && !isOutside(purpose);
  }

  private long realConnectedTime(Participant participant) {
    if (participant == null) return NONE;
    if (participant.connectedTime != NONE) return participant.connectedTime;
    return legs(participant).mapToLong(leg -> leg.time(CONNECTED)).filter(time -> time != NONE).min().orElse(NONE);
  }

  private Leg latestLeg(Participant participant) {
    Leg latest = null;
    for (Leg leg : (Iterable<Leg>) legs(participant)::iterator) if (latest == null || compare(leg, latest) > 0) latest = leg;
    return latest;
  }

  private static int compare(Leg a, Leg b) {
    if (a.ended != b.ended) return a.ended ? -1 : 1;
    int order = a.ended ? Long.compare(a.time(DISCONNECTED), b.time(DISCONNECTED)) : 0;
    if (order == 0) order = Long.compare(a.time(CONNECTED), b.time(CONNECTED));
    if (order == 0) order = Integer.compare(order(a), order(b));
    if (order == 0) order = Integer.compare(a.index, b.index);
    return order == 0 ? a.id.compareTo(b.id) : order;
  }

  private Participant latestParticipant(boolean waiting) {
    List<Participant> candidates = participants.stream().filter(one -> !one.supervisor && legs(one).findAny().isPresent()).toList();
    if (candidates.isEmpty()) return null;
    Participant last = candidates.get(candidates.size() - 1);
    if (isLive(last)) return last;
    List<Participant> others = candidates.subList(0, candidates.size() - 1).stream().filter(one -> isHandler(purpose(one))).toList();
    if (waiting) {
      long through = lastTime(last);
      Participant again = null;
      if (through != NONE) {
        for (Participant one : others) if (legs(one).anyMatch(leg -> leg.time(CONNECTED) >= through)) again = one;
      }
      return again == null ? last : again;
    }
    Participant talking = greatest(
        others.stream().filter(one -> ("agent".equals(purpose(one)) || "user".equals(purpose(one))) && isLive(one)).toList(),
        one -> latestLeg(one).time(CONNECTED));
    if (talking != null) return talking;
    return greatest(
        Stream.concat(others.stream(), Stream.of(last)).toList(),
        one -> legs(one).mapToLong(leg -> leg.values[DISCONNECTED] == null ? Long.MAX_VALUE : leg.time(DISCONNECTED)).max().orElse(NONE));
  }

  private static Participant greatest(List<Participant> those, ToLongFunction<Participant> time) {
    Participant found = null;
    for (Participant one : those) if (found == null || time.applyAsLong(one) >= time.applyAsLong(found)) found = one;
    return found;
  }

  private long lastTime(Participant participant) {
    long last = participant.connectedTime;
    for (Leg leg : (Iterable<Leg>) legs(participant)::iterator) {
      last = Math.max(last, Math.max(leg.time(CONNECTED), leg.time(DISCONNECTED)));
      if (leg.values[WORK] instanceof Work work) last = Math.max(last, Math.max(work.start, work.end));
      if (leg.values[MESSAGE] instanceof Message message) last = Math.max(last, message.time);
    }
    return last;
  }

  private Participant queueOf(Participant last, Participant participant, Leg leg) {
    if (participant == null || leg == null || !isHandler(purpose(participant)) || leg.values[CONNECTED] == null) return last;
    Participant from = last(one -> one.queuedAt != NONE && realConnectedTime(one) <= leg.time(CONNECTED));
    return from == null ? last : from;
  }

  private String directionOf(Leg leg) {
    if (leg.values[DIRECTION] != null) return leg.text(DIRECTION);
    Participant party = first(one -> isOutside(purpose(one)) && legs(one).findAny().isPresent());
    String theirs = party == null ? null : latestLeg(party).text(DIRECTION);
    return theirs == null && leg.medium.equals("Chat") ? "inbound" : theirs;
  }

  /** The columns in the order of the schema, without db_last_updated. */
  private Object[] project(String id) {
    Participant last = last(one -> one.queuedAt != NONE);
    boolean waiting = isLive(last);
    Participant participant = latestParticipant(waiting);
    Leg leg = participant == null ? null : latestLeg(participant);
    Participant queue = waiting ? last : queueOf(last, participant, leg);
    String purpose = participant == null ? null : purpose(participant);
    String direction = leg == null ? null : directionOf(leg);
    String ani = null;
    String dnis = null;
    if (leg != null && leg.medium.equals("Message")) {
      ani = leg.text(FROM);
      dnis = leg.text(TO);
    } else if (leg != null && leg.medium.equals("Callback")) {
      ani = leg.text(CALLBACK);
    } else if (leg != null && leg.medium.equals("Voice") && ("inbound".equals(direction) || "outbound".equals(direction))) {
      boolean selfCalls = isOutside(purpose) == "inbound".equals(direction);
      ani = leg.text(selfCalls ? SELF : OTHER);
      dnis = leg.text(selfCalls ? OTHER : SELF);
    }
    boolean isMessage = leg != null && leg.medium.equals("Message");
    Participant skilled = last(one -> "acd".equals(purpose(one)) && one.skills != null);
    long real = realConnectedTime(queue);
    return new Object[] {
      id, createdAt, connectedTime, queue.queueId, leg == null ? null : leg.id, leg == null ? null : leg.medium, purpose,
      leg == null ? null : leg.text(STATE), direction, participant == null ? null : participant.id,
      participant == null ? null : participant.userId, ani, dnis, leg == null ? null : leg.text(PROVIDER),
      leg != null && leg.medium.equals("Email") ? leg.text(SUBJECT) : null, isMessage ? leg.text(MESSAGE_TYPE) : null,
      isMessage && leg.values[MESSAGE] instanceof Message message ? message.status : null,
      skilled == null ? null : String.join(",", skilled.skills), leg == null ? null : leg.text(DISCONNECT_TYPE),
      leg != null && leg.values[WORK] instanceof Work work ? work.state : null, leg == null ? null : leg.id,
      real == NONE ? queue.queuedAt : real, waiting
    };
  }

  // ---------------------------------------------------------------------------------------------------- in the store

  byte[] toBytes() throws IOException {
    ByteArrayOutputStream bytes = new ByteArrayOutputStream(1024);
    BinaryEncoder out = EncoderFactory.get().directBinaryEncoder(bytes, null);
    out.writeLong(endedAt);
    out.writeInt(endedIds.size());
    for (String id : endedIds) out.writeString(id);
    if (endedAt != NONE) return bytes.toByteArray();
    out.writeBoolean(hasRow);
    out.writeLong(createdAt);
    out.writeLong(updatedAt);
    out.writeLong(connectedTime);
    writeText(out, provisionalFor);
    out.writeInt(recent.size());
    for (Recent one : recent) {
      out.writeFixed(one.fingerprint);
      out.writeLong(one.at);
    }
    out.writeInt(participants.size());
    for (Participant one : participants) {
      out.writeString(one.id);
      writeText(out, one.purpose);
      writeText(out, one.queueId);
      writeText(out, one.userId);
      out.writeInt(one.position);
      out.writeLong(one.connectedTime);
      out.writeLong(one.queuedAt);
      out.writeBoolean(one.supervisor);
      out.writeInt(one.skills == null ? -1 : one.skills.size());
      if (one.skills != null) for (String skill : one.skills) out.writeString(skill);
      out.writeInt(one.legs.size());
      for (Leg leg : one.legs) writeLeg(out, leg);
    }
    return bytes.toByteArray();
  }

  private static void writeLeg(BinaryEncoder out, Leg leg) throws IOException {
    out.writeString(leg.id);
    out.writeString(leg.medium);
    out.writeInt(leg.index);
    out.writeBoolean(leg.connected);
    out.writeBoolean(leg.ended);
    out.writeLong(leg.progress);
    for (int field = 0; field < FIELDS; field++) {
      Object value = leg.values[field];
      out.writeBoolean(value != null);
      if (value == null) continue;
      out.writeBoolean(leg.endedOf[field]);
      out.writeLong(leg.progressOf[field]);
      if (value instanceof String text) out.writeString(text);
      else if (value instanceof Long time) out.writeLong(time);
      else if (value instanceof Work work) {
        writeText(out, work.state);
        out.writeLong(work.start);
        out.writeLong(work.end);
      } else if (value instanceof Message message) {
        out.writeLong(message.time);
        writeText(out, message.status);
      }
    }
  }

  static Conversation of(byte[] bytes) throws IOException {
    Conversation known = new Conversation();
    if (bytes == null) return known;
    BinaryDecoder in = DecoderFactory.get().binaryDecoder(bytes, null);
    known.endedAt = in.readLong();
    for (int left = in.readInt(); left > 0; left--) known.endedIds.add(in.readString());
    if (known.endedAt != NONE) return known;
    known.hasRow = in.readBoolean();
    known.createdAt = in.readLong();
    known.updatedAt = in.readLong();
    known.connectedTime = in.readLong();
    known.provisionalFor = readText(in);
    for (int left = in.readInt(); left > 0; left--) {
      byte[] fingerprint = new byte[16];
      in.readFixed(fingerprint);
      known.recent.addLast(new Recent(fingerprint, in.readLong()));
    }
    for (int left = in.readInt(); left > 0; left--) {
      Participant one = new Participant();
      one.id = in.readString();
      one.purpose = readText(in);
      one.queueId = readText(in);
      one.userId = readText(in);
      one.position = in.readInt();
      one.connectedTime = in.readLong();
      one.queuedAt = in.readLong();
      one.supervisor = in.readBoolean();
      int skills = in.readInt();
      if (skills >= 0) one.skills = new ArrayList<>();
      for (int skill = 0; skill < skills; skill++) one.skills.add(in.readString());
      for (int legs = in.readInt(); legs > 0; legs--) one.legs.add(readLeg(in));
      known.participants.add(one);
    }
    known.primaryOnly = known.participants.stream().anyMatch(one -> one.legs.stream().anyMatch(leg -> order(leg) < PRIMARY));
    return known;
  }

  private static Leg readLeg(BinaryDecoder in) throws IOException {
    Leg leg = new Leg();
    leg.id = in.readString();
    leg.medium = in.readString();
    leg.index = in.readInt();
    leg.connected = in.readBoolean();
    leg.ended = in.readBoolean();
    leg.progress = in.readLong();
    for (int field = 0; field < FIELDS; field++) {
      if (!in.readBoolean()) continue;
      leg.endedOf[field] = in.readBoolean();
      leg.progressOf[field] = in.readLong();
      leg.values[field] = switch (field) {
        case WORK -> new Work(readText(in), in.readLong(), in.readLong());
        case MESSAGE -> new Message(in.readLong(), readText(in));
        case CONNECTED, DISCONNECTED -> in.readLong();
        default -> in.readString();
      };
    }
    return leg;
  }

  private static void writeText(BinaryEncoder out, String text) throws IOException {
    out.writeBoolean(text != null);
    if (text != null) out.writeString(text);
  }

  private static String readText(BinaryDecoder in) throws IOException {
    return in.readBoolean() ? in.readString() : null;
  }
}
