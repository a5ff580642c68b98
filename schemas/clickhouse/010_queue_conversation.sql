-- What users query: exactly the 22 columns of the specification, in its order. No PREWHERE: with FINAL it may filter
-- the newest version away and answer with an older one.
CREATE VIEW IF NOT EXISTS {{database}}.queue_conversation {{onCluster}}
AS SELECT * EXCEPT (queue_connected_time, waiting, _version, _deleted, _partition, _ingested_at)
FROM {{database}}.queue_conversation_state FINAL
