-- The state as it is: one row per conversation_id after FINAL, tombstones marked. Its key is the compacted topic's key.
-- Not partitioned: a ReplacingMergeTree never merges across partitions, so a changing partition key would show a
-- conversation twice. No TTL: one that removes a tombstone before the versions it hides brings them back.
CREATE TABLE IF NOT EXISTS {{database}}.queue_conversation_state {{onCluster}}
(
    conversation_id  String                       COMMENT 'The ID of the conversation (primary key)' CODEC(ZSTD(1)),
    db_last_updated  DateTime64(3, 'UTC')         COMMENT 'Last time this record was updated in the database' CODEC(Delta, ZSTD(1)),
    db_when_created  DateTime64(3, 'UTC')         COMMENT 'Time this record was created in the database' CODEC(Delta, ZSTD(1)),
    connected_time   DateTime64(3, 'UTC')         COMMENT 'The datetime the conversation was connected' CODEC(Delta, ZSTD(1)),
    queue_id         LowCardinality(String)       COMMENT 'The ID of the queue',
    session_id       Nullable(String)             COMMENT 'The ID of the latest session' CODEC(ZSTD(1)),
    media_type       LowCardinality(Nullable(String)) COMMENT 'Voice, Email, Callback, Chat or Message',
    purpose          LowCardinality(Nullable(String)) COMMENT 'Purpose of the latest participant',
    state            LowCardinality(Nullable(String)) COMMENT 'State of the latest participant',
    direction        LowCardinality(Nullable(String)) COMMENT 'inbound or outbound',
    participant_id   Nullable(String)             COMMENT 'The ID of the latest participant' CODEC(ZSTD(1)),
    user_id          LowCardinality(Nullable(String)) COMMENT 'User ID if the latest participant is a user, or NULL',
    ani              Nullable(String)             COMMENT 'Calling line ID' CODEC(ZSTD(1)),
    dnis             LowCardinality(Nullable(String)) COMMENT 'Direct dial-in',
    provider         LowCardinality(Nullable(String)) COMMENT 'Provider of the media type',
    subject          Nullable(String)             COMMENT 'Email subject' CODEC(ZSTD(1)),
    message_type     LowCardinality(Nullable(String)) COMMENT 'Message type',
    message_status   LowCardinality(Nullable(String)) COMMENT 'Message status',
    routing_skill_id LowCardinality(Nullable(String)) COMMENT 'Comma-separated routing skill IDs',
    disconnect_type  LowCardinality(Nullable(String)) COMMENT 'Type of disconnect',
    acw_state        LowCardinality(Nullable(String)) COMMENT 'After call work state',
    communication_id Nullable(String)             COMMENT 'The ID of the communication' CODEC(ZSTD(1)),
    queue_connected_time DateTime64(3, 'UTC')     COMMENT 'When the conversation was connected to the queue in queue_id' CODEC(Delta, ZSTD(1)),
    waiting          Bool                         COMMENT 'The acd leg is still live: the customer waits, also while an agent is alerted',
    _version         UInt64                       COMMENT 'epoch * 2^48 + offset of the state record in its Kafka partition' CODEC(Delta, ZSTD(1)),
    _deleted         UInt8                        COMMENT '1 = tombstone',
    _partition       UInt32                       COMMENT 'Kafka partition of the state record' CODEC(ZSTD(1)),
    _ingested_at     DateTime('UTC') DEFAULT now() COMMENT 'When this row was inserted: retention and clean-up count from here' CODEC(Delta, ZSTD(1))
)
ENGINE = {{replicated}}ReplacingMergeTree(_version, _deleted)
ORDER BY conversation_id
COMMENT 'Current state of each conversation in a queue; read it with FINAL and _deleted = 0, or through queue_conversation'
