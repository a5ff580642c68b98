-- Which conversations were erased: everything of them up to the version is deleted from the tables, again and again for a
-- while, since a row may still be on its way. The id alone is kept, as a proof of the erasure, for a year.
CREATE TABLE IF NOT EXISTS {{database}}.queue_conversation_erasures {{onCluster}}
(
    conversation_id  String                            COMMENT 'The ID of the erased conversation',
    version          UInt64                            COMMENT 'epoch * 2^48 + offset of its tombstone: what is not newer is deleted',
    erased_at        DateTime64(3, 'UTC')              COMMENT 'When the operator had it erased',
    _ingested_at     DateTime('UTC') DEFAULT now()     COMMENT 'When this row was inserted: it is deleted a year later'
)
ENGINE = {{replicated}}ReplacingMergeTree(version)
ORDER BY conversation_id
TTL _ingested_at + INTERVAL 365 DAY DELETE
COMMENT 'Conversations that were erased'
