-- The live table, who waits longest first: `queuefold query` without SQL.
SELECT
    conversation_id,
    queue_id,
    media_type,
    purpose,
    state,
    user_id,
    direction,
    connected_time,
    dateDiff('second', connected_time, now64(3, 'UTC')) AS seconds,
    db_last_updated
FROM queue_conversation
ORDER BY connected_time, conversation_id
