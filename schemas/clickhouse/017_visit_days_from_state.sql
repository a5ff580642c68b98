-- What arrives in the visits goes on to their days in the same INSERT. The rows of days that were left say nothing new.
CREATE MATERIALIZED VIEW IF NOT EXISTS {{database}}.queue_visit_days_mv {{onCluster}}
TO {{database}}.queue_visit_days
AS SELECT
    conversation_id,
    participant_id,
    toDate32(entered_time) AS entered_day,
    _version               AS version,
    db_last_updated,
    _ingested_at
FROM {{database}}.queue_visit_state
WHERE _deleted = 0
