-- At which times each visit has rows, and up to which version: how the sink finds those that have another time now.
-- Small granules, because it is asked for a few visits of any age. It outlives the visits, whose parts go as a whole, by a
-- month.
CREATE TABLE IF NOT EXISTS {{database}}.queue_visit_times {{onCluster}}
(
    conversation_id  String                                    COMMENT 'The ID of the conversation' CODEC(ZSTD(1)),
    participant_id   String                                    COMMENT 'The ID of the acd participant' CODEC(ZSTD(1)),
    entered_time     DateTime64(3, 'UTC')                      COMMENT 'Its entered_time in some version' CODEC(Delta, ZSTD(1)),
    version          SimpleAggregateFunction(max, UInt64)      COMMENT 'The greatest _version of the visit with that time',
    db_last_updated  SimpleAggregateFunction(max, DateTime64(3, 'UTC')) COMMENT 'The greatest receive time of the visit with that time',
    _ingested_at     SimpleAggregateFunction(max, DateTime('UTC')) COMMENT 'When the last of them was inserted: retention counts from here'
)
ENGINE = {{replicated}}AggregatingMergeTree
ORDER BY (conversation_id, participant_id, entered_time)
TTL _ingested_at + INTERVAL 121 DAY DELETE
SETTINGS index_granularity = 256
COMMENT 'The times at which each visit entered, by its versions'
