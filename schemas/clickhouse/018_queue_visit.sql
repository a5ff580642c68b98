-- What users query: exactly the 19 columns of the specification, in its order. No PREWHERE: with FINAL it may filter the
-- newest version away and answer with an older one. Ask for a range of entered_time: that reads its part of the table alone.
-- The versions of one visit with one time are in one partition, so that each may be merged alone.
CREATE VIEW IF NOT EXISTS {{database}}.queue_visit {{onCluster}}
AS SELECT
    conversation_id, participant_id, queue_id, media_type, direction, consult, entered_time, left_time, outcome,
    disconnect_type, routing_skill_id, offers, offers_missed, answered_time, user_id, agent_participant_id,
    agent_communication_id, agent_left_time, db_last_updated
FROM {{database}}.queue_visit_state FINAL
SETTINGS do_not_merge_across_partitions_select_final = 1
