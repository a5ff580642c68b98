-- The history that was there before the lives. Twice does no harm, nor beside the view above.
INSERT INTO {{database}}.queue_conversation_lives (conversation_id, first_time, last_time, last_row, last_tombstone, _ingested_at)
SELECT
    conversation_id, min(db_last_updated), max(db_last_updated), max(if(_deleted = 1, 0, _version)),
    max(if(_deleted = 1, _version, 0)), max(_ingested_at)
FROM {{database}}.queue_conversation_history
GROUP BY conversation_id
SETTINGS optimize_aggregation_in_order = 1
