-- What arrives in the history goes on to the state in the same INSERT.
CREATE MATERIALIZED VIEW IF NOT EXISTS {{database}}.queue_conversation_state_mv {{onCluster}}
TO {{database}}.queue_conversation_state
AS SELECT
    conversation_id, db_last_updated, db_when_created, connected_time, queue_id, session_id, media_type, purpose, state,
    direction, participant_id, user_id, ani, dnis, provider, subject, message_type, message_status, routing_skill_id,
    disconnect_type, acw_state, communication_id, queue_connected_time, waiting, _version, _deleted, _partition,
    _ingested_at
FROM {{database}}.queue_conversation_history
