-- The table as it was: queue_conversation_at(at = '2026-03-02T10:15:00+01:00'). Of each conversation the last version,
-- in the order of the log, whose own time is not after the instant; none if that is a tombstone. (docs/design.md)
-- The state has the newest version of a row that has not changed for longer than the history is kept.
-- A text, because a typed parameter knows no offset: without one it is UTC.
CREATE VIEW IF NOT EXISTS {{database}}.queue_conversation_at {{onCluster}}
AS WITH
    parseDateTime64BestEffort({at:String}, 3, 'UTC') AS instant,
    candidates AS (
        SELECT conversation_id
        FROM {{database}}.queue_conversation_lives FINAL
        WHERE first_time <= instant AND (last_time > instant OR last_row >= last_tombstone)
    )
SELECT
    conversation_id, db_last_updated, db_when_created, connected_time, queue_id, session_id, media_type, purpose, state,
    direction, participant_id, user_id, ani, dnis, provider, subject, message_type, message_status, routing_skill_id,
    disconnect_type, acw_state, communication_id
FROM
(
    SELECT * FROM
    (
        SELECT * FROM {{database}}.queue_conversation_history
        WHERE db_last_updated <= instant AND conversation_id IN (candidates)
        UNION ALL
        SELECT * FROM {{database}}.queue_conversation_state
        WHERE db_last_updated <= instant AND conversation_id IN (candidates)
    )
    ORDER BY _version DESC
    LIMIT 1 BY conversation_id
)
WHERE _deleted = 0
