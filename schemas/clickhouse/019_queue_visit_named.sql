-- queue_visit with names beside the ids, and its durations. wait: until it was answered, given up or sent on (tAcd of
-- Genesys). talk: hold included (tTalk + tHeld). Null: not over, or not known. Clocks may differ: none is below 0.
CREATE VIEW IF NOT EXISTS {{database}}.queue_visit_named {{onCluster}}
AS WITH
    (SELECT (groupArray(id), groupArray(name)) FROM {{database}}.names FINAL WHERE kind = 'queue' AND name != '') AS queues,
    (SELECT (groupArray(id), groupArray(name)) FROM {{database}}.names FINAL WHERE kind = 'user' AND name != '') AS users
SELECT
    *,
    transform(toString(queue_id), queues.1, queues.2, toString(queue_id)) AS queue_name,
    if(isNull(user_id), NULL, transform(assumeNotNull(toString(user_id)), users.1, users.2, assumeNotNull(toString(user_id)))) AS user_name,
    if(left_time < entered_time, 0, dateDiff('millisecond', entered_time, left_time)) AS wait_ms,
    if(agent_left_time < answered_time, 0, dateDiff('millisecond', answered_time, agent_left_time)) AS talk_ms
FROM {{database}}.queue_visit
