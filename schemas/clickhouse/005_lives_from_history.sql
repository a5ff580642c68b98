-- What arrives in the history goes on to the lives in the same INSERT.
CREATE MATERIALIZED VIEW IF NOT EXISTS {{database}}.queue_conversation_lives_mv {{onCluster}}
TO {{database}}.queue_conversation_lives
AS SELECT
    conversation_id,
    db_last_updated       AS first_time,
    db_last_updated       AS last_time,
    if(_deleted = 1, 0, _version) AS last_row,
    if(_deleted = 1, _version, 0) AS last_tombstone,
    _ingested_at
FROM {{database}}.queue_conversation_history
