-- What arrives in the visits goes on to their times in the same INSERT. The rows at times that were left say nothing new.
CREATE MATERIALIZED VIEW IF NOT EXISTS {{database}}.queue_visit_times_mv {{onCluster}}
TO {{database}}.queue_visit_times
AS SELECT
    conversation_id,
    participant_id,
    entered_time,
    _version AS version,
    db_last_updated,
    _ingested_at
FROM {{database}}.queue_visit_state
WHERE _deleted = 0
