-- Every version of each visit that was stored last with its entered_time; FINAL leaves the last version of the log.
-- People ask for visits by the time at which they entered, so that comes first: a quarter of an hour is a range of the
-- table, and a month is a part of it. It also keeps FINAL cheap: visits arrive in about that order, so parts hardly
-- overlap. The time is computed anew with each version, so a visit may move. FINAL would then show it twice. The sink
-- writes a row with _deleted = 1 at the times that a visit has left (docs/explanation/visits.md).
-- The TTL counts from _ingested_at: counting from entered_time would drop an old recording on arrival.
CREATE TABLE IF NOT EXISTS {{database}}.queue_visit_state {{onCluster}}
(
    conversation_id        String                           COMMENT 'The ID of the conversation' CODEC(ZSTD(1)),
    participant_id         String                           COMMENT 'The ID of the acd participant: with conversation_id the key of a visit' CODEC(ZSTD(1)),
    queue_id               LowCardinality(String)           COMMENT 'The ID of the queue',
    media_type             LowCardinality(Nullable(String)) COMMENT 'Voice, Email, Callback, Chat or Message',
    direction              LowCardinality(Nullable(String)) COMMENT 'inbound or outbound',
    consult                Bool                             COMMENT 'An agent asked the queue for help, on the phone to the caller',
    entered_time           DateTime64(3, 'UTC')             COMMENT 'When it connected to the queue' CODEC(Delta, ZSTD(1)),
    left_time              Nullable(DateTime64(3, 'UTC'))   COMMENT 'When it left the queue; null: still waiting, or not known' CODEC(ZSTD(1)),
    outcome                LowCardinality(String)           COMMENT 'waiting, answered, abandoned, flowed_out or unknown',
    disconnect_type        LowCardinality(Nullable(String)) COMMENT 'How the latest communication of the acd participant ended',
    routing_skill_id       LowCardinality(Nullable(String)) COMMENT 'Comma-separated routing skill IDs',
    offers                 UInt32                           COMMENT 'How many times it was offered to an agent',
    offers_missed          UInt32                           COMMENT 'How many offers ended without an answer',
    answered_time          Nullable(DateTime64(3, 'UTC'))   COMMENT 'When the agent who answered connected' CODEC(ZSTD(1)),
    user_id                LowCardinality(Nullable(String)) COMMENT 'User ID of that agent',
    agent_participant_id   Nullable(String)                 COMMENT 'The participant of that agent' CODEC(ZSTD(1)),
    agent_communication_id Nullable(String)                 COMMENT 'The communication that answered' CODEC(ZSTD(1)),
    agent_left_time        Nullable(DateTime64(3, 'UTC'))   COMMENT 'When that communication ended; null: not answered, still connected, or not known' CODEC(ZSTD(1)),
    db_last_updated        DateTime64(3, 'UTC')             COMMENT 'Receive time of the event that wrote this version' CODEC(Delta, ZSTD(1)),
    _version               UInt64                           COMMENT 'epoch * 2^48 + offset of the record in its Kafka partition' CODEC(ZSTD(1)),
    _deleted               UInt8                            COMMENT '1 = a later version of the visit has another entered_time',
    _partition             UInt32                           COMMENT 'Kafka partition of the record' CODEC(ZSTD(1)),
    _ingested_at           DateTime('UTC') DEFAULT now()    COMMENT 'When this row was inserted: retention counts from here' CODEC(Delta, ZSTD(1))
)
ENGINE = {{replicated}}ReplacingMergeTree(_version, _deleted)
PARTITION BY toYYYYMM(entered_time)
ORDER BY (entered_time, conversation_id, participant_id)
TTL _ingested_at + INTERVAL 90 DAY DELETE
SETTINGS ttl_only_drop_parts = 1
COMMENT 'Visits to queues by the time of entering, kept 90 days; read them through queue_visit'
