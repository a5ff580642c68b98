-- A compacted topic forgets its tombstones: whoever goes on at a note that is too old may have missed one.
ALTER TABLE {{database}}.queue_conversation_progress {{onCluster}}
ADD COLUMN IF NOT EXISTS as_of DateTime64(3, 'UTC') DEFAULT toDateTime64(0, 3, 'UTC')
COMMENT 'Every tombstone of the partition that was written before this time is stored'
