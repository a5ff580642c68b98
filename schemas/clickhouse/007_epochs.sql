-- Which topics have filled these tables, in their order. `_version` begins with the epoch, so that a topic that was made
-- anew, whose offsets begin anew, wins over the rows of the one before.
-- The first to insert an epoch owns it: its deduplication token makes the insert a compare-and-set, also for several
-- sinks at once. The windows are as long as the table, or an epoch could be given twice.
CREATE TABLE IF NOT EXISTS {{database}}.queue_conversation_epochs {{onCluster}}
(
    epoch      UInt16                                COMMENT 'The upper 16 bits of _version',
    topic      String                                COMMENT 'The state topic',
    topic_id   String                                COMMENT 'Its id in Kafka, which a topic of the same name made later does not have',
    claimed_at DateTime64(3, 'UTC') DEFAULT now64(3, 'UTC') COMMENT 'When a sink first met the topic'
)
ENGINE = {{replicated}}MergeTree
ORDER BY epoch
SETTINGS
    non_replicated_deduplication_window = 65536,
    replicated_deduplication_window = 65536,
    replicated_deduplication_window_seconds = 3153600000
COMMENT 'The topics that filled these tables, the latest with the greatest epoch'
