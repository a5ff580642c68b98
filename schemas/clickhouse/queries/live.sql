-- The live table, who waits longest first: `queuefold query` without SQL. Where a name is unknown, its id is shown.
SELECT
    conversation_id,
    queue_name,
    media_type,
    purpose,
    state,
    user_name,
    direction,
    connected_time,
    dateDiff('second', connected_time, now64(3, 'UTC')) AS seconds,
    db_last_updated
FROM queue_conversation_named
ORDER BY connected_time, conversation_id
