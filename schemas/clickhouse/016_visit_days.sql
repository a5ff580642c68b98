-- In which days each visit has rows, and up to which version: how the sink finds those that have moved to another day.
-- Small granules, because it is asked for a few visits of any age. It outlives the visits, whose parts go as a whole, by a
-- month.
CREATE TABLE IF NOT EXISTS {{database}}.queue_visit_days {{onCluster}}
(
    conversation_id  String                                    COMMENT 'The ID of the conversation' CODEC(ZSTD(1)),
    participant_id   String                                    COMMENT 'The ID of the acd participant' CODEC(ZSTD(1)),
    entered_day      Date32                                    COMMENT 'A day of its entered_time in some version',
    version          SimpleAggregateFunction(max, UInt64)      COMMENT 'The greatest _version of the visit in that day',
    db_last_updated  SimpleAggregateFunction(max, DateTime64(3, 'UTC')) COMMENT 'The greatest receive time of the visit in that day',
    _ingested_at     SimpleAggregateFunction(max, DateTime('UTC')) COMMENT 'When the last of them was inserted: retention counts from here'
)
ENGINE = {{replicated}}AggregatingMergeTree
ORDER BY (conversation_id, participant_id, entered_day)
TTL _ingested_at + INTERVAL 121 DAY DELETE
SETTINGS index_granularity = 256
COMMENT 'The days of each visit'
