-- The life of one conversation: queue_conversation_changes(conversation_id = '…'), its versions in the order of the log,
-- each with the time for which queue_conversation_at shows it: from its own time to the least one of those that follow.
-- A version that was overtaken before it held (a late event) holds for no time; a row that is live holds until now.
CREATE VIEW IF NOT EXISTS {{database}}.queue_conversation_changes {{onCluster}}
AS SELECT
    step,
    multiIf(_deleted = 1, 'deleted', step = 1 OR after_tombstone = 1, 'created', 'changed')     AS change,
    db_last_updated                                                                            AS holds_from,
    if(isNull(next_time), NULL, greatest(db_last_updated, next_time))                          AS holds_until,
    if(_deleted = 1, NULL, greatest(0, dateDiff('millisecond', holds_from, coalesce(holds_until, now64(3, 'UTC'))) / 1000)) AS seconds,
    conversation_id,
    if(_deleted = 1, NULL, db_when_created)                                                    AS db_when_created,
    if(_deleted = 1, NULL, connected_time)                                                     AS connected_time,
    if(_deleted = 1, NULL, queue_id)                                                           AS queue_id,
    session_id, media_type, purpose, state, direction, participant_id, user_id, ani, dnis, provider, subject,
    message_type, message_status, routing_skill_id, disconnect_type, acw_state, communication_id,
    if(_deleted = 1, NULL, queue_connected_time)                                               AS queue_connected_time,
    if(_deleted = 1, NULL, waiting)                                                            AS waiting
FROM
(
    SELECT
        *,
        row_number() OVER (ORDER BY _version)                                                  AS step,
        lagInFrame(_deleted) OVER (ORDER BY _version)                                          AS after_tombstone,
        minOrNull(db_last_updated) OVER (ORDER BY _version ROWS BETWEEN 1 FOLLOWING AND UNBOUNDED FOLLOWING) AS next_time
    FROM {{database}}.queue_conversation_history FINAL
    WHERE conversation_id = {conversation_id:String}
)
ORDER BY step
