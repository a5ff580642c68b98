-- What arrives in the history goes on to the state in the same INSERT.
CREATE MATERIALIZED VIEW IF NOT EXISTS {{database}}.queue_conversation_state_mv {{onCluster}}
TO {{database}}.queue_conversation_state
AS SELECT * FROM {{database}}.queue_conversation_history
