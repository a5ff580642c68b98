-- The live table, the oldest conversation first: `queuefold query` without SQL. Where a name is unknown, its id is shown.
-- `seconds` count from connected_time.
-- What matters most comes first: a narrow terminal leaves out the last columns.
SELECT
    conversation_id,
    queue_name,
    media_type,
    purpose,
    state,
    dateDiff('second', connected_time, now64(3, 'UTC')) AS seconds,
    user_name,
    direction,
    connected_time,
    db_last_updated
FROM queue_conversation_named
ORDER BY connected_time, conversation_id
