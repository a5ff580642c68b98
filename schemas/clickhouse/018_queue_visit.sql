-- What users query: exactly the 19 columns of the specification, in its order. No PREWHERE: with FINAL it may filter the
-- newest version away and answer with an older one. Ask for a range of entered_time: that reads its days alone.
-- The versions of one visit in one day are in one partition, so that each may be merged alone.
CREATE VIEW IF NOT EXISTS {{database}}.queue_visit {{onCluster}}
AS SELECT * EXCEPT (_version, _deleted, _partition, _ingested_at)
FROM {{database}}.queue_visit_state FINAL
SETTINGS do_not_merge_across_partitions_select_final = 1
