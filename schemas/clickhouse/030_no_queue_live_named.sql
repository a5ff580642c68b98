-- queue_live has the names itself.
DROP VIEW IF EXISTS {{database}}.queue_live_named {{onCluster}}
