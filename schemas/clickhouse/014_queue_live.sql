-- What waits and talks: one row per queue and medium, with the queue's name beside its id. A plain view: the live set is
-- small. It counts as src/conversation/live-counts.ts does.
CREATE VIEW IF NOT EXISTS {{database}}.queue_live {{onCluster}}
AS WITH
    (SELECT (groupArray(id), groupArray(name)) FROM {{database}}.names FINAL WHERE kind = 'queue' AND name != '') AS queues
SELECT
    queue_id,
    transform(toString(queue_id), queues.1, queues.2, toString(queue_id)) AS queue_name,
    media_type,
    count()                                             AS conversations,
    countIf(purpose = 'agent' AND state IN ('alerting', 'contacting', 'dialing', 'offering')) AS alerting,
    countIf(waiting)                                    AS waiting_now,
    countIf(waiting AND purpose = 'agent' AND state IN ('alerting', 'contacting', 'dialing', 'offering')) AS offered,
    minOrNullIf(queue_connected_time, waiting)          AS oldest_waiting_since,
    if(isNull(oldest_waiting_since), NULL, dateDiff('second', oldest_waiting_since, now64(3, 'UTC'))) AS oldest_wait_seconds,
    countIf(purpose IN ('agent', 'user') AND state = 'connected') AS talking,
    countIf(acw_state = 'pending')                      AS after_call_work
FROM {{database}}.queue_conversation_state FINAL
GROUP BY queue_id, media_type
