-- Every version, tombstones included; a replayed record collapses with itself on (partition, version).
-- The sink writes here only: one INSERT a batch. db_last_updated comes from the record, never from the sink's clock,
-- so a replay goes to the partition it went to before. The TTL counts from _ingested_at: counting from db_last_updated
-- would drop an old recording on arrival.
CREATE TABLE IF NOT EXISTS {{database}}.queue_conversation_history {{onCluster}}
AS {{database}}.queue_conversation_state
ENGINE = {{replicated}}ReplacingMergeTree
PARTITION BY toYYYYMM(db_last_updated)
ORDER BY (conversation_id, _partition, _version)
TTL _ingested_at + INTERVAL 90 DAY DELETE
SETTINGS ttl_only_drop_parts = 1
COMMENT 'Every version of each conversation, tombstones included, kept 90 days'
