-- Where each conversation begins and ends: what queue_conversation_at looks through instead of the whole history. Each
-- column is a minimum or maximum, so replayed, repeated and reordered records change nothing. Two columns instead of
-- one tuple: FINAL reads a subcolumn of a tuple alone and takes the greatest of that.
-- It outlives the history, whose parts go as a whole, by a month: it only ever rules conversations out, and without it
-- a row whose tombstone went first would be back.
CREATE TABLE IF NOT EXISTS {{database}}.queue_conversation_lives {{onCluster}}
(
    conversation_id  String                       COMMENT 'The ID of the conversation' CODEC(ZSTD(1)),
    first_time       SimpleAggregateFunction(min, DateTime64(3, 'UTC')) COMMENT 'The least time of its versions',
    last_time        SimpleAggregateFunction(max, DateTime64(3, 'UTC')) COMMENT 'The greatest time of its versions',
    last_row         SimpleAggregateFunction(max, UInt64) COMMENT 'The greatest _version of its rows; 0: none',
    last_tombstone   SimpleAggregateFunction(max, UInt64) COMMENT 'The greatest _version of its tombstones; 0: none',
    _ingested_at     SimpleAggregateFunction(max, DateTime('UTC')) COMMENT 'When the last of its versions was inserted: retention counts from here'
)
ENGINE = {{replicated}}AggregatingMergeTree
ORDER BY conversation_id
TTL _ingested_at + INTERVAL 121 DAY DELETE
COMMENT 'From when to when the history has versions of each conversation'
