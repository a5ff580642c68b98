-- queue_conversation with names beside the ids. Lists of names instead of joins: an id without a name is shown as it
-- is, and no row can be lost or doubled.
CREATE VIEW IF NOT EXISTS {{database}}.queue_conversation_named {{onCluster}}
AS WITH
    (SELECT (groupArray(id), groupArray(name)) FROM {{database}}.names FINAL WHERE kind = 'queue' AND name != '') AS queues,
    (SELECT (groupArray(id), groupArray(name)) FROM {{database}}.names FINAL WHERE kind = 'user' AND name != '') AS users,
    (SELECT (groupArray(id), groupArray(name)) FROM {{database}}.names FINAL WHERE kind = 'skill' AND name != '') AS skills
SELECT
    *,
    transform(toString(queue_id), queues.1, queues.2, toString(queue_id)) AS queue_name,
    if(isNull(user_id), NULL, transform(assumeNotNull(toString(user_id)), users.1, users.2, assumeNotNull(toString(user_id)))) AS user_name,
    if(isNull(routing_skill_id), NULL, arrayStringConcat(
        arrayMap(skill -> transform(skill, skills.1, skills.2, skill), splitByChar(',', assumeNotNull(toString(routing_skill_id)))), ', '
    )) AS routing_skill_names
FROM {{database}}.queue_conversation
