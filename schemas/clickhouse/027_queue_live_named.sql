-- The live board with the queues' names beside their ids.
CREATE VIEW IF NOT EXISTS {{database}}.queue_live_named {{onCluster}}
AS WITH
    (SELECT (groupArray(id), groupArray(name)) FROM {{database}}.names FINAL WHERE kind = 'queue' AND name != '') AS queues
SELECT
    transform(toString(queue_id), queues.1, queues.2, toString(queue_id)) AS queue_name,
    *
FROM {{database}}.queue_live
