-- The names of queues, users and skills as Genesys has them now, for the views that end in _named. A version is a time
-- or an offset: the greater wins. A name that is deleted is forgotten here, and its id is shown instead.
-- A name outlives what it is of: conversations of the history still show it.
CREATE TABLE IF NOT EXISTS {{database}}.names {{onCluster}}
(
    kind         LowCardinality(String)           COMMENT 'queue, user or skill',
    id           String                           COMMENT 'Its ID at Genesys',
    name         String                           COMMENT 'Its name at Genesys',
    gone_since   Nullable(DateTime64(3, 'UTC'))   COMMENT 'Since when Genesys no longer lists it; null: it does',
    version      UInt64                           COMMENT 'The greater is the newer: epoch * 2^48 + offset of the record of the names topic',
    deleted      UInt8 DEFAULT 0                  COMMENT '1 = forgotten',
    _ingested_at DateTime('UTC') DEFAULT now()    COMMENT 'When this row was inserted'
)
ENGINE = {{replicated}}ReplacingMergeTree(version, deleted)
ORDER BY (kind, id)
COMMENT 'Names of queues, users and skills; read it with FINAL'
