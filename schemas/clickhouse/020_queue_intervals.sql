-- What happened in a queue: queue_intervals(from = '2026-03-02', to = '2026-03-03', minutes = 30, target_seconds = 20,
-- short_abandon_seconds = 5). One row for each interval (counted from 1970), queue and medium, of the visits that entered at
-- `from` or later and before `to`. All columns but `consults` are of visits that are no consults.
-- Texts for the times, because a typed parameter knows no offset: without one they are UTC.
CREATE VIEW IF NOT EXISTS {{database}}.queue_intervals {{onCluster}}
AS WITH
    (SELECT (groupArray(id), groupArray(name)) FROM {{database}}.names FINAL WHERE kind = 'queue' AND name != '') AS queues
SELECT
    interval_start,
    queue_id,
    transform(toString(queue_id), queues.1, queues.2, toString(queue_id)) AS queue_name,
    media_type,
    countIf(NOT consult)                                                  AS offered,
    countIf(consult)                                                      AS consults,
    countIf(NOT consult AND outcome = 'answered')                         AS answered,
    countIf(NOT consult AND outcome = 'abandoned')                        AS abandoned,
    countIf(NOT consult AND outcome = 'abandoned' AND wait_ms < 1000 * {short_abandon_seconds:UInt32}) AS short_abandoned,
    countIf(NOT consult AND outcome = 'flowed_out')                       AS flowed_out,
    countIf(NOT consult AND outcome = 'waiting')                          AS waiting,
    countIf(NOT consult AND outcome = 'unknown')                          AS unknown,
    countIf(NOT consult AND outcome = 'answered' AND wait_ms <= 1000 * {target_seconds:UInt32}) AS answered_in_target,
    answered_in_target / nullIf(answered + abandoned - short_abandoned, 0) AS service_level,
    avgOrNullIf(wait_ms, NOT consult AND outcome = 'answered')            AS average_wait_answered_ms,
    avgOrNullIf(wait_ms, NOT consult AND outcome = 'abandoned')           AS average_wait_abandoned_ms,
    maxOrNullIf(if(outcome = 'waiting', greatest(0, dateDiff('millisecond', entered_time, now64(3, 'UTC'))), wait_ms), NOT consult) AS longest_wait_ms,
    avgOrNullIf(talk_ms, NOT consult)                                     AS average_talk_ms,
    sumIf(offers, NOT consult)                                            AS offers,
    sumIf(offers_missed, NOT consult)                                     AS offers_missed
FROM
(
    SELECT
        fromUnixTimestamp64Milli(toUnixTimestamp64Milli(entered_time) - positiveModulo(toUnixTimestamp64Milli(entered_time), 60000 * {minutes:UInt32}), 'UTC') AS interval_start,
        queue_id, media_type, consult, outcome, entered_time, offers, offers_missed,
        if(left_time < entered_time, 0, dateDiff('millisecond', entered_time, left_time)) AS wait_ms,
        if(agent_left_time < answered_time, 0, dateDiff('millisecond', answered_time, agent_left_time)) AS talk_ms
    FROM {{database}}.queue_visit_state FINAL
    WHERE entered_time >= parseDateTime64BestEffort({from:String}, 3, 'UTC') AND entered_time < parseDateTime64BestEffort({to:String}, 3, 'UTC')
    SETTINGS do_not_merge_across_partitions_select_final = 1
)
GROUP BY interval_start, queue_id, media_type
ORDER BY interval_start, queue_id, media_type
