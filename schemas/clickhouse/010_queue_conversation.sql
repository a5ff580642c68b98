-- What users query: exactly the 22 columns of the specification, in its order. No PREWHERE: with FINAL it may filter
-- the newest version away and answer with an older one.
CREATE VIEW IF NOT EXISTS {{database}}.queue_conversation {{onCluster}}
AS SELECT
    conversation_id, db_last_updated, db_when_created, connected_time, queue_id, session_id, media_type, purpose, state,
    direction, participant_id, user_id, ani, dnis, provider, subject, message_type, message_status, routing_skill_id,
    disconnect_type, acw_state, communication_id
FROM {{database}}.queue_conversation_state FINAL
