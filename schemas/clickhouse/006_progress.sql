-- Up to which version the sink has stored each partition of the state topic without a gap. Written after the rows,
-- so it never promises more than is there.
-- A compacted topic forgets its tombstones: whoever goes on at a note whose as_of is too old may have missed one.
CREATE TABLE IF NOT EXISTS {{database}}.queue_conversation_progress {{onCluster}}
(
    topic      LowCardinality(String)                COMMENT 'The state topic',
    partition  UInt32                                COMMENT 'Its partition',
    version    UInt64                                COMMENT 'epoch * 2^48 + offset: every record up to it is stored',
    stored_at  DateTime64(3, 'UTC') DEFAULT now64(3, 'UTC') COMMENT 'When that was noted',
    as_of      DateTime64(3, 'UTC') DEFAULT toDateTime64(0, 3, 'UTC') COMMENT 'Every tombstone of the partition that was written before this time is stored'
)
ENGINE = {{replicated}}ReplacingMergeTree(version)
ORDER BY (topic, partition)
COMMENT 'How far the sink has come'
